//! Drivers and checksum offload of the node's network cards.
//!
//! A bond, bridge or VLAN is followed down to the cards below it. `/sys` names
//! the driver; the ethtool request `ETHTOOL_GTXCSUM` returns whether the card computes
//! checksums of outgoing packets. Works in the node's own namespace only, whose devices
//! `/sys` shows.

use nix::libc;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// `SIOCETHTOOL` of linux/sockios.h, `ETHTOOL_GTXCSUM` of linux/ethtool.h.
const SIOCETHTOOL: u64 = 0x8946;
const ETHTOOL_GTXCSUM: u32 = 0x16;
/// A bond on a VLAN on a bridge, and some more.
const LEVELS: usize = 6;

/// A network card.
#[derive(Clone, Debug, PartialEq)]
pub struct Nic {
    /// Device name in the node's namespace.
    pub name: String,
    /// Kernel driver: `vmxnet3`.
    pub driver: String,
    /// Whether it computes checksums of outgoing packets; none if that is not known.
    pub checksums: Option<bool>,
}

/// The cards below a device.
///
/// # Errors
/// Errors if there is no such device.
pub(super) fn read(device: &str) -> io::Result<Vec<Nic>> {
    let mut found = Vec::new();
    below(device, LEVELS, &mut found)?;
    Ok(found)
}

fn below(device: &str, levels: usize, found: &mut Vec<Nic>) -> io::Result<()> {
    let folder = Path::new("/sys/class/net").join(device);
    if let Ok(driver) = std::fs::read_link(folder.join("device/driver")) {
        found.push(Nic {
            name: device.to_owned(),
            driver: name_of(&driver),
            checksums: checksums(device).ok(),
        });
        return Ok(());
    }
    if levels == 0 {
        return Ok(());
    }
    for entry in std::fs::read_dir(&folder)? {
        let name = entry?.file_name();
        if let Some(lower) = name.to_string_lossy().strip_prefix("lower_") {
            below(lower, levels - 1, found)?;
        }
    }
    Ok(())
}

fn name_of(path: &Path) -> String {
    PathBuf::from(path.file_name().unwrap_or_default())
        .to_string_lossy()
        .into_owned()
}

#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

fn checksums(device: &str) -> io::Result<bool> {
    let socket = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
    let mut value = EthtoolValue {
        command: ETHTOOL_GTXCSUM,
        data: 0,
    };
    // SAFETY: ifreq is plain data, all zeroes is a valid one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays the terminating zero.
    let most = request.ifr_name.len() - 1;
    if device.len() > most {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in request.ifr_name.iter_mut().zip(device.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: SIOCETHTOOL reads the request and, for this command, writes the
    // eight bytes of `value`; both outlive the call.
    let result = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            SIOCETHTOOL as libc::Ioctl,
            &raw mut request,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value.data != 0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_device_without_a_driver_is_no_card() {
        assert_eq!(super::read("lo").unwrap(), []);
        assert!(super::read("no-such-device").is_err());
    }
}
