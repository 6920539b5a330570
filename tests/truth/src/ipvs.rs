//! IPVS's table of connections: which backend it chose for whom.

use std::net::{Ipv4Addr, SocketAddr};

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Client.
    pub client: SocketAddr,
    /// The virtual address that the client connects to.
    pub virtual_server: SocketAddr,
    /// Who got it.
    pub backend: SocketAddr,
}

/// The connections of `ipvsadm -Lnc`.
pub fn parse(listing: &str) -> Vec<Connection> {
    let connection = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [protocol, _, _, client, virtual_server, backend] = words[..] else {
            return None;
        };
        ["TCP", "UDP"].contains(&protocol).then_some(())?;
        Some(Connection {
            client: client.parse().ok()?,
            virtual_server: virtual_server.parse().ok()?,
            backend: backend.parse().ok()?,
        })
    };
    listing.lines().filter_map(connection).collect()
}

/// The connections of `/proc/net/ip_vs_conn`, which needs no `ipvsadm`.
pub fn parse_proc(listing: &str) -> Vec<Connection> {
    let connection = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = |at: usize| {
            let ip = u32::from_str_radix(words.get(at)?, 16).ok()?;
            let port = u16::from_str_radix(words.get(at + 1)?, 16).ok()?;
            Some(SocketAddr::from((Ipv4Addr::from(ip), port)))
        };
        ["TCP", "UDP"].contains(words.first()?).then_some(())?;
        Some(Connection {
            client: address(1)?,
            virtual_server: address(3)?,
            backend: address(5)?,
        })
    };
    listing.lines().filter_map(connection).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_listings_say_the_same() {
        let ipvsadm = "IPVS connection entries\n\
            pro expire state       source             virtual            destination\n\
            TCP 01:15  TIME_WAIT   192.168.90.254:40304 172.18.0.2:8080    10.0.0.5:8080\n";
        let proc = "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n\
            TCP C0A85AFE 9D70 AC120002 1F90 0A000005 1F90 TIME_WAIT        75\n";
        assert_eq!(parse(ipvsadm).len(), 1);
        assert_eq!(parse(ipvsadm), parse_proc(proc));
    }
}
