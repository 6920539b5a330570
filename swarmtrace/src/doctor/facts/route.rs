//! Which source address the kernel takes towards another node.
//!
//! Docker's VXLAN devices have no source address of their own: the route's is
//! taken. Connecting a UDP socket does the same lookup and sends nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// The route to another node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Route {
    /// The other node's data-path address.
    pub to: IpAddr,
    /// The source address; none if there is no route.
    pub source: Option<IpAddr>,
}

/// The source address towards another node, in the calling thread's namespace; none
/// if there is no route.
pub(super) fn to(address: IpAddr) -> io::Result<Option<IpAddr>> {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    match socket.connect((address, 9)) {
        Ok(()) => Ok(Some(socket.local_addr()?.ip())),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_answers_itself() {
        let address = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(to(address).unwrap(), Some(address));
    }
}
