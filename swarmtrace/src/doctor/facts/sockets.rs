//! Which process of the node has which port.
//!
//! `/proc/net/tcp` and its like list each socket's inode, `/proc/<pid>/fd` the sockets
//! that a process has open. A socket without a process is the kernel's own (as that of
//! a VXLAN device), or that of a process in another pid namespace.

use crate::sys::protocol::Protocol;
use procfs::net::{TcpNetEntries, TcpState, UdpNetEntries, UdpState};
use procfs::process::{FDTarget, all_processes};
use procfs::{FromReadSI, ProcError, current_system_info};
use std::collections::BTreeMap;

/// A listening socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// The process' name and id, if one was found.
    pub process: Option<(String, u32)>,
}

/// Listening TCP and unconnected UDP sockets of the calling thread's namespace.
pub(super) fn read() -> Result<Vec<Listener>, ProcError> {
    let mut found = Vec::new();
    for file in ["tcp", "tcp6"] {
        let entries = table::<TcpNetEntries>(file)?.map_or_else(Vec::new, |table| table.0);
        let listening = entries.iter().filter(|e| e.state == TcpState::Listen);
        found.extend(listening.map(|e| (Protocol::Tcp, e.local_address.port(), e.inode)));
    }
    for file in ["udp", "udp6"] {
        let entries = table::<UdpNetEntries>(file)?.map_or_else(Vec::new, |table| table.0);
        let unconnected = entries.iter().filter(|e| e.state == UdpState::Close);
        found.extend(unconnected.map(|e| (Protocol::Udp, e.local_address.port(), e.inode)));
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

/// A table of the thread's namespace: procfs' own functions read the process'. None
/// for IPv6's, if the kernel has no IPv6.
fn table<T: FromReadSI>(file: &str) -> Result<Option<T>, ProcError> {
    let path = format!("/proc/thread-self/net/{file}");
    match T::from_file(path, current_system_info()) {
        Ok(table) => Ok(Some(table)),
        Err(ProcError::NotFound(_)) if file.ends_with('6') => Ok(None),
        Err(error) => Err(error),
    }
}

/// Process by socket inode.
fn owners() -> Result<BTreeMap<u64, (String, u32)>, ProcError> {
    let mut owners = BTreeMap::new();
    // A process may end at any moment: its sockets are closed then.
    for process in all_processes()?.flatten() {
        let Ok(files) = process.fd() else {
            continue;
        };
        let mut name = None;
        for file in files.flatten() {
            if let (FDTarget::Socket(inode), Ok(pid)) = (file.target, u32::try_from(process.pid)) {
                let name = name.get_or_insert_with(|| {
                    process
                        .stat()
                        .map_or_else(|_| String::new(), |stat| stat.comm)
                });
                owners.insert(inode, (name.clone(), pid));
            }
        }
    }
    Ok(owners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_own_socket_has_this_process() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let all = read().unwrap();
        let found = all
            .iter()
            .find(|l| l.protocol == Protocol::Udp && l.port == port);
        assert_eq!(
            found.unwrap().process.as_ref().unwrap().1,
            std::process::id()
        );
    }

    #[test]
    fn a_listening_socket_is_found_and_a_connected_one_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(address).unwrap();
        let ports: Vec<u16> = (read().unwrap().iter())
            .filter(|l| l.protocol == Protocol::Tcp)
            .map(|l| l.port)
            .collect();
        assert!(ports.contains(&address.port()));
        assert!(!ports.contains(&client.local_addr().unwrap().port()));
    }
}
