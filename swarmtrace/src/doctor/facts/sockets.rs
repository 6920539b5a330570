//! Which processes of the node have which ports.
//!
//! `/proc/net/tcp` and its like name a socket's inode, `/proc/<pid>/fd` which
//! process has it open. A socket without a process is the kernel's own (the
//! VXLAN devices' is), or that of a process in another pid namespace.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// A socket that waits for others.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// IP protocol number: 6 or 17.
    pub protocol: u8,
    /// Port.
    pub port: u16,
    /// The process' name and id, where one was found.
    pub process: Option<(String, u32)>,
}

/// Listening TCP and unconnected UDP sockets of the calling thread's namespace.
pub(super) fn read() -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    for (file, protocol) in [("tcp", 6), ("tcp6", 6), ("udp", 17), ("udp6", 17)] {
        match std::fs::read_to_string(format!("/proc/thread-self/net/{file}")) {
            Ok(text) => found.extend(parse(&text, protocol)),
            // No IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.ends_with('6') => {}
            Err(error) => return Err(error),
        }
    }
    let owners = owners()?;
    Ok((found.into_iter())
        .map(|(protocol, port, inode)| Listener {
            protocol,
            port,
            process: owners.get(&inode).cloned(),
        })
        .collect())
}

/// Protocol, port and inode of each.
fn parse(text: &str, protocol: u8) -> Vec<(u8, u16, u64)> {
    // TCP_LISTEN; an unconnected UDP socket is in state TCP_CLOSE.
    let state = if protocol == 6 { "0A" } else { "07" };
    (text.lines().skip(1))
        .filter_map(|line| {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            let (_, port) = words.get(1)?.rsplit_once(':')?;
            let port = u16::from_str_radix(port, 16).ok()?;
            let inode = words.get(9)?.parse().ok()?;
            (*words.get(3)? == state).then_some((protocol, port, inode))
        })
        .collect()
}

/// Process by socket inode.
fn owners() -> io::Result<BTreeMap<u64, (String, u32)>> {
    let mut owners = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let Ok(entry) = entry else { continue };
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        // A process may end at any moment: what is gone has no sockets.
        let Ok(files) = std::fs::read_dir(entry.path().join("fd")) else {
            continue;
        };
        let mut name = None;
        for file in files.flatten() {
            if let Some(inode) = socket(&file.path()) {
                let name = name.get_or_insert_with(|| {
                    let comm = std::fs::read_to_string(entry.path().join("comm"));
                    comm.unwrap_or_default().trim().to_owned()
                });
                owners.insert(inode, (name.clone(), pid));
            }
        }
    }
    Ok(owners)
}

fn socket(link: &Path) -> Option<u64> {
    let target = std::fs::read_link(link).ok()?;
    let inode = target.to_str()?.strip_prefix("socket:[")?;
    inode.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 015AA8C0:0947 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n   \
            1: 015AA8C0:1F90 025AA8C0:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n";
        assert_eq!(parse(text, 6), [(6, 0x947, 4711)]);
        assert_eq!(parse("", 17), []);
    }

    #[test]
    fn an_own_socket_has_this_process() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let all = read().unwrap();
        let found = all.iter().find(|l| l.protocol == 17 && l.port == port);
        assert_eq!(
            found.unwrap().process.as_ref().unwrap().1,
            std::process::id()
        );
    }
}
