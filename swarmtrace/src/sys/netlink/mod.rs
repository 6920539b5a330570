//! Netlink requests and their answers.
//!
//! Blocking sockets: each namespace is read on a thread of its own. The message types
//! come from the netlink-packet crates. A message of a dump that they cannot decode is
//! counted, never silently skipped: a kernel newer than the crate must not make a
//! device vanish unnoticed.
//!
//! Relied on: netlink(7). A request without `NLM_F_DUMP` ends with an acknowledgement
//! (`NLMSG_ERROR` with code 0) if `NLM_F_ACK` is set. A dump ends with `NLMSG_DONE`,
//! whose code is the dump's error, if any (`net/netlink/af_netlink.c` `netlink_dump_done`).

mod answer;
mod error;
mod messages;

pub use self::error::NetlinkError;
pub use self::messages::messages;

use self::answer::{Answer, End};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_XFRM};
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::{TimeVal, TimeValLike as _};

/// How often a dump is repeated that a change in the kernel interrupted.
const ATTEMPTS: u32 = 3;
/// Seconds to wait for an answer. The kernel queues it before the request's send(2)
/// returns, so only a lost answer takes this long.
const TIMEOUT: i64 = 5;

/// A netlink family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Devices, addresses, neighbours, tc: rtnetlink(7).
    Route,
    /// `nf_tables`.
    Netfilter,
    /// IPsec.
    Xfrm,
}

/// A socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens a socket in the calling thread's namespace.
    ///
    /// # Errors
    /// Errors if the kernel does not have the family.
    pub fn open(family: Family) -> Result<Self, NetlinkError> {
        let open = || {
            let mut socket = Socket::new(match family {
                Family::Route => NETLINK_ROUTE,
                Family::Netfilter => NETLINK_NETFILTER,
                Family::Xfrm => NETLINK_XFRM,
            })?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(TIMEOUT))?;
            Ok(socket)
        };
        Ok(Self {
            socket: open().map_err(NetlinkError::Socket)?,
            sequence: 0,
        })
    }

    /// Dumps a table. Repeats the dump a few times if the table changes meanwhile.
    ///
    /// # Errors
    /// Errors if the kernel refuses the request. Messages that cannot be decoded are
    /// no error, see [`Dump::undecoded`].
    pub fn dump<M>(&mut self, request: M) -> Result<Dump<M>, NetlinkError>
    where
        M: NetlinkSerializable + NetlinkDeserializable + Clone,
    {
        let mut answer = self.exchange(request.clone(), NLM_F_DUMP, End::Done)?;
        for _ in 1..ATTEMPTS {
            if !answer.interrupted {
                break;
            }
            answer = self.exchange(request.clone(), NLM_F_DUMP, End::Done)?;
        }
        Ok(Dump {
            messages: answer.messages,
            undecoded: answer.undecoded,
        })
    }

    /// Requests a change, and waits until the kernel acknowledges it. `flags` are
    /// added to `NLM_F_REQUEST | NLM_F_ACK`.
    ///
    /// # Errors
    /// Errors if the kernel refuses the request.
    pub fn change<M>(&mut self, request: M, flags: u16) -> Result<(), NetlinkError>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        self.exchange(request, NLM_F_ACK | flags, End::Acknowledged)?;
        Ok(())
    }

    /// Requests a single object.
    ///
    /// # Errors
    /// Errors if the kernel refuses the request, or the object cannot be decoded.
    pub fn get<M>(&mut self, request: M) -> Result<Option<M>, NetlinkError>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        let mut answer = self.exchange(request, 0, End::FirstMessage)?;
        match answer.undecoded {
            0 => Ok(answer.messages.pop()),
            _ => Err(NetlinkError::Undecodable),
        }
    }

    fn exchange<M>(&mut self, request: M, flags: u16, end: End) -> Result<Answer<M>, NetlinkError>
    where
        M: NetlinkSerializable + NetlinkDeserializable,
    {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map_err(NetlinkError::Socket)?;
        let mut answer = Answer::default();
        loop {
            let received = self.socket.recv_from_full();
            let (datagram, _) = received.map_err(NetlinkError::Socket)?;
            if answer.extend(&datagram, self.sequence, end)? {
                return Ok(answer);
            }
        }
    }
}

/// The entries of a table.
#[derive(Debug)]
pub struct Dump<M> {
    /// Its entries, in the kernel's order.
    pub messages: Vec<M>,
    /// Entries that could not be decoded.
    pub undecoded: usize,
}

impl<M> Dump<M> {
    /// The entries, if every one could be decoded.
    ///
    /// # Errors
    /// [`NetlinkError::Undecodable`] if one could not.
    pub fn complete(self) -> Result<Vec<M>, NetlinkError> {
        match self.undecoded {
            0 => Ok(self.messages),
            _ => Err(NetlinkError::Undecodable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::RouteNetlinkMessage;
    use netlink_packet_route::link::{LinkAttribute, LinkMessage};

    #[test]
    fn the_kernel_answers() {
        let mut netlink = Netlink::open(Family::Route).unwrap();
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let links = netlink.dump(request).unwrap().complete().unwrap();
        assert!(!links.is_empty());
        let mut missing = LinkMessage::default();
        missing
            .attributes
            .push(LinkAttribute::IfName("no-such-device".to_owned()));
        let error = netlink
            .get(RouteNetlinkMessage::GetLink(missing))
            .unwrap_err();
        assert_eq!(
            std::io::Error::from(error).raw_os_error(),
            Some(libc::ENODEV)
        );
    }
}
