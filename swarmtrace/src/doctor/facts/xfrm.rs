//! The security associations and policies of encrypted overlays.
//!
//! Only addresses and directions are taken: keys are in the same messages and
//! must not get anywhere.
//!
//! Relied on: linux/xfrm.h `xfrm_usersa_info`, `xfrm_userpolicy_info` (frozen
//! ABI); moby, libnetwork/drivers/overlay/encryption.go `programSA`,
//! `programSP`.

use super::netlink;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const NETLINK_XFRM: isize = 6;
const XFRM_MSG_GETSA: u16 = 0x12;
const XFRM_MSG_GETPOLICY: u16 = 0x15;
const ESP: u8 = 50;
const AF_INET: u16 = 2;

/// What the kernel has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Xfrm {
    /// ESP associations.
    pub associations: Vec<Association>,
    /// Destinations of outgoing policies.
    pub policies: Vec<IpAddr>,
}

/// A security association.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Association {
    /// Where packets come from.
    pub source: IpAddr,
    /// Where they go.
    pub destination: IpAddr,
}

/// Reads the calling thread's namespace.
pub(super) fn read() -> io::Result<Xfrm> {
    let associations = netlink::dump(NETLINK_XFRM, XFRM_MSG_GETSA, &[])?;
    let policies = netlink::dump(NETLINK_XFRM, XFRM_MSG_GETPOLICY, &[])?;
    Ok(Xfrm {
        associations: associations.iter().filter_map(|m| association(m)).collect(),
        policies: policies.iter().filter_map(|m| policy(m)).collect(),
    })
}

/// `xfrm_selector` (56 bytes), `xfrm_id` (address, SPI, protocol), source
/// address, three blocks of counters and limits, two numbers, family.
fn association(message: &[u8]) -> Option<Association> {
    let family = family(message, 212)?;
    if *message.get(76)? != ESP {
        return None;
    }
    Some(Association {
        source: address(message, 80, family)?,
        destination: address(message, 56, family)?,
    })
}

/// `xfrm_selector` (addresses first, family at 40), then at 160 the direction:
/// 1 is out.
fn policy(message: &[u8]) -> Option<IpAddr> {
    let out = *message.get(160)? == 1;
    out.then(|| address(message, 0, family(message, 40)?))?
}

fn family(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at + 2)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn address(message: &[u8], at: usize, family: u16) -> Option<IpAddr> {
    let bytes: [u8; 16] = message.get(at..at + 16)?.try_into().ok()?;
    Some(match family {
        AF_INET => Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]).into(),
        _ => Ipv6Addr::from(bytes).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_association_as_the_kernel_lays_it_out() {
        let mut message = vec![0; 224];
        message[56..60].copy_from_slice(&[192, 168, 90, 2]);
        message[76] = ESP;
        message[80..84].copy_from_slice(&[192, 168, 90, 1]);
        message[212..214].copy_from_slice(&AF_INET.to_ne_bytes());
        let found = association(&message).unwrap();
        assert_eq!(found.source, IpAddr::from([192, 168, 90, 1]));
        assert_eq!(found.destination, IpAddr::from([192, 168, 90, 2]));
        message[76] = 51;
        assert_eq!(association(&message), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            association(&bytes);
            policy(&bytes);
            netlink::attributes(&bytes);
        }
    }
}
