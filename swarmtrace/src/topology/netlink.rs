//! Asking the kernel over a route-netlink socket, and waiting for the answer.
//!
//! Each namespace is read on a thread of its own, so plain blocking sockets
//! do; the messages are netlink-packet-route's. A message of the answer that
//! cannot be decoded is counted, never silently dropped: a kernel newer than
//! the crate must not make a device vanish unnoticed.

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// How often a dump is repeated that a change in the kernel interrupted.
const ATTEMPTS: u32 = 3;

/// A socket in the namespace it was made in.
pub(super) struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// What a dump gave.
#[derive(Default)]
pub(super) struct Dump {
    pub messages: Vec<RouteNetlinkMessage>,
    /// Messages that could not be decoded.
    pub undecoded: usize,
    /// The table changed while it was read: entries may be missing or double.
    interrupted: bool,
}

impl Netlink {
    /// A socket in the calling thread's namespace.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// The whole of a table.
    pub fn dump(&mut self, request: RouteNetlinkMessage) -> io::Result<Dump> {
        let mut dump = Dump::default();
        for _ in 0..ATTEMPTS {
            self.send(request.clone(), NLM_F_REQUEST | NLM_F_DUMP)?;
            dump = Dump::default();
            while !self.receive(&mut dump, true)? {}
            if !dump.interrupted {
                break;
            }
        }
        Ok(dump)
    }

    /// The number by which this socket's namespace knows that other one, where
    /// it has one (RTM_GETNSID).
    pub fn nsid(&mut self, other: impl AsFd) -> io::Result<Option<i32>> {
        let mut message = NsidMessage::default();
        let fd = other.as_fd().as_raw_fd().cast_unsigned();
        message.attributes.push(NsidAttribute::Fd(fd));
        self.send(RouteNetlinkMessage::GetNsId(message), NLM_F_REQUEST)?;
        let mut dump = Dump::default();
        while !self.receive(&mut dump, false)? {}
        Ok(dump.messages.iter().find_map(|message| match message {
            RouteNetlinkMessage::NewNsId(message) => {
                message.attributes.iter().find_map(|a| match a {
                    NsidAttribute::Id(id) if *id >= 0 => Some(*id),
                    _ => None,
                })
            }
            _ => None,
        }))
    }

    fn send(&mut self, request: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut message = NetlinkMessage::from(request);
        self.sequence += 1;
        message.header.sequence_number = self.sequence;
        message.header.flags = flags;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map(drop)
    }

    /// Takes one datagram; whether the answer is complete with it.
    fn receive(&mut self, into: &mut Dump, multipart: bool) -> io::Result<bool> {
        let (datagram, _) = self.socket.recv_from_full()?;
        let mut rest = datagram.as_slice();
        let mut complete = false;
        while let Ok(header) = NetlinkBuffer::new_checked(rest) {
            // new_checked has found it to be within the datagram.
            let length = header.length() as usize;
            let ours = header.sequence_number() == self.sequence;
            let interrupted = header.flags() & NLM_F_DUMP_INTR != 0;
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&rest[..length]);
            // Messages are padded to four bytes, the last one need not be.
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            if !ours {
                continue;
            }
            into.interrupted |= interrupted;
            match message.map(|m| m.payload) {
                Ok(NetlinkPayload::InnerMessage(message)) => {
                    into.messages.push(message);
                    complete |= !multipart;
                }
                Ok(NetlinkPayload::Error(error)) if error.code.is_some() => {
                    return Err(error.to_io());
                }
                Ok(NetlinkPayload::Done(_) | NetlinkPayload::Error(_)) => complete = true,
                Ok(_) => {}
                Err(_) => {
                    into.undecoded += 1;
                    complete |= !multipart;
                }
            }
        }
        Ok(complete)
    }
}
