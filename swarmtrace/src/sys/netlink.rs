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

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE, NETLINK_XFRM};
use netlink_sys::{Socket, SocketAddr};
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::{TimeVal, TimeValLike as _};
use std::io;

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

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket failed: the family is missing, or no answer came in time.
    #[error("netlink: {0}")]
    Socket(#[source] io::Error),
    /// The kernel refused the request.
    #[error(transparent)]
    Refused(io::Error),
    /// The answer is malformed, or the netlink-packet crates do not know it.
    #[error("netlink: the kernel's answer cannot be decoded")]
    Undecodable,
}

impl From<NetlinkError> for io::Error {
    fn from(error: NetlinkError) -> Self {
        match error {
            NetlinkError::Socket(error) | NetlinkError::Refused(error) => error,
            error @ NetlinkError::Undecodable => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
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

/// What the last message of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// `NLMSG_DONE`
    Done,
    /// `NLMSG_ERROR` with code 0.
    Acknowledged,
    /// The first one.
    FirstMessage,
}

#[derive(Debug)]
struct Answer<M> {
    messages: Vec<M>,
    undecoded: usize,
    /// The table changed during the dump: entries may be missing or twice in it.
    interrupted: bool,
}

impl<M> Default for Answer<M> {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            undecoded: 0,
            interrupted: false,
        }
    }
}

impl<M: NetlinkDeserializable> Answer<M> {
    /// Adds the messages of a datagram that have that sequence number. Returns whether
    /// the answer is complete.
    fn extend(&mut self, mut rest: &[u8], sequence: u32, end: End) -> Result<bool, NetlinkError> {
        let mut complete = false;
        while !rest.is_empty() {
            let header = NetlinkBuffer::new_checked(rest).map_err(|_| NetlinkError::Undecodable)?;
            // new_checked: the message is within the datagram.
            let length = header.length() as usize;
            let is_answer = header.sequence_number() == sequence;
            let interrupted = header.flags() & NLM_F_DUMP_INTR != 0;
            let message = NetlinkMessage::<M>::deserialize(&rest[..length]);
            // Messages are padded to four bytes, except perhaps the last one.
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            if !is_answer {
                continue;
            }
            self.interrupted |= interrupted;
            match message.map(|message| message.payload) {
                Ok(NetlinkPayload::InnerMessage(message)) => {
                    self.messages.push(message);
                    complete |= end == End::FirstMessage;
                }
                Ok(NetlinkPayload::Error(error)) if error.code.is_some() => {
                    return Err(NetlinkError::Refused(error.to_io()));
                }
                Ok(NetlinkPayload::Done(done)) if done.code < 0 => {
                    let error = io::Error::from_raw_os_error(done.code.saturating_neg());
                    return Err(NetlinkError::Refused(error));
                }
                Ok(NetlinkPayload::Done(_) | NetlinkPayload::Error(_)) => complete = true,
                Ok(_) => {}
                Err(_) => {
                    self.undecoded += 1;
                    complete |= end == End::FirstMessage;
                }
            }
        }
        Ok(complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{DoneMessage, ErrorMessage};
    use netlink_packet_route::RouteNetlinkMessage;
    use netlink_packet_route::link::{LinkAttribute, LinkMessage};
    use proptest::prelude::*;

    type Message = NetlinkPayload<RouteNetlinkMessage>;

    fn link(index: u32) -> Message {
        let mut link = LinkMessage::default();
        link.header.index = index;
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link))
    }

    fn done(code: i32) -> Message {
        let mut done = DoneMessage::default();
        done.code = code;
        NetlinkPayload::Done(done)
    }

    fn bytes(sequence: u32, flags: u16, payload: Message) -> Vec<u8> {
        let mut header = NetlinkHeader::default();
        header.sequence_number = sequence;
        header.flags = flags;
        let mut message = NetlinkMessage::new(header, payload);
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }

    fn read(datagram: &[u8], end: End) -> (Answer<RouteNetlinkMessage>, Result<bool, i32>) {
        let mut answer = Answer::default();
        let complete = answer.extend(datagram, 7, end);
        let code = |error: NetlinkError| io::Error::from(error).raw_os_error().unwrap_or(-1);
        (answer, complete.map_err(code))
    }

    #[test]
    fn a_dump_ends_with_done() {
        let datagram = [bytes(7, 0, link(1)), bytes(7, 0, link(2))].concat();
        let (answer, complete) = read(&datagram, End::Done);
        assert_eq!((answer.messages.len(), complete), (2, Ok(false)));
        let datagram = [datagram, bytes(7, NLM_F_DUMP_INTR, done(0))].concat();
        let (answer, complete) = read(&datagram, End::Done);
        assert_eq!((answer.interrupted, complete), (true, Ok(true)));
    }

    #[test]
    fn other_requests_answers_are_skipped() {
        let datagram = [bytes(6, 0, link(1)), bytes(6, 0, done(0))].concat();
        let (answer, complete) = read(&datagram, End::Done);
        assert_eq!((answer.messages.len(), complete), (0, Ok(false)));
    }

    #[test]
    fn a_dump_that_fails_is_an_error() {
        let datagram = [bytes(7, 0, link(1)), bytes(7, 0, done(-libc::EPERM))].concat();
        assert_eq!(read(&datagram, End::Done).1, Err(libc::EPERM));
    }

    #[test]
    fn an_acknowledgement_is_no_error() {
        let mut error = ErrorMessage::default();
        let acknowledged = bytes(7, 0, NetlinkPayload::Error(error.clone()));
        assert_eq!(read(&acknowledged, End::Acknowledged).1, Ok(true));
        error.code = std::num::NonZero::new(-libc::EEXIST);
        let refused = bytes(7, 0, NetlinkPayload::Error(error));
        assert_eq!(read(&refused, End::Acknowledged).1, Err(libc::EEXIST));
    }

    #[test]
    fn what_cannot_be_decoded_is_counted() {
        let mut broken = bytes(7, 0, link(1));
        broken.truncate(20);
        broken[0] = 20;
        let datagram = [broken, bytes(7, 0, link(2)), bytes(7, 0, done(0))].concat();
        let (answer, complete) = read(&datagram, End::Done);
        assert_eq!((answer.undecoded, answer.messages.len()), (1, 1));
        assert_eq!(complete, Ok(true));
        assert_eq!(read(&[1, 2, 3], End::Done).1, Err(-1));
    }

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
        assert_eq!(io::Error::from(error).raw_os_error(), Some(libc::ENODEV));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, End::Done);
        }
    }
}
