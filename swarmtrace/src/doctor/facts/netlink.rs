//! Dumps of the netlink families that no crate of ours speaks: xfrm and
//! nf_tables. A request is a header and a body of bytes, an answer a list of
//! payloads; what they mean is their readers' business.

use netlink_packet_core::{
    DecodeError, Emitable, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkHeader,
};
use netlink_sys::{Socket, SocketAddr};
use std::io;

/// `NLMSG_ERROR` and `NLMSG_DONE` of linux/netlink.h.
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// The payloads of a table's messages, in the calling thread's namespace.
pub(super) fn dump(protocol: isize, request: u16, body: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut socket = Socket::new(protocol)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.message_type = request;
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = 1;
    let length = header.buffer_len() + body.len();
    header.length = u32::try_from(length).map_err(io::Error::other)?;
    let mut bytes = vec![0; header.buffer_len()];
    header.emit(&mut bytes);
    bytes.extend_from_slice(body);
    socket.send(&bytes, 0)?;

    let mut payloads = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full()?;
        if payloads_of(&datagram, &mut payloads)? {
            return Ok(payloads);
        }
    }
}

/// Takes a datagram apart; whether the dump is complete with it.
fn payloads_of(mut rest: &[u8], payloads: &mut Vec<Vec<u8>>) -> io::Result<bool> {
    while !rest.is_empty() {
        let buffer = NetlinkBuffer::new_checked(rest)
            .map_err(|e: DecodeError| io::Error::new(io::ErrorKind::InvalidData, e.to_string()))?;
        // new_checked has found it to be within the datagram.
        let length = buffer.length() as usize;
        let payload = buffer.payload();
        match buffer.message_type() {
            DONE => return Ok(true),
            ERROR => {
                let code = number(payload, 0).map_or(0, u32::cast_signed);
                return match code {
                    0 => Ok(true),
                    code => Err(io::Error::from_raw_os_error(code.saturating_neg())),
                };
            }
            _ => payloads.push(payload.to_vec()),
        }
        // Messages are padded to four bytes, the last one need not be.
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// A number of the machine's byte order.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// Netlink attributes: type (without its flags) and value.
pub(super) fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut attributes = Vec::new();
    while let Some((head, _)) = bytes.split_at_checked(4) {
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let kind = u16::from_ne_bytes([head[2], head[3]]) & 0x3fff;
        let Some(value) = bytes.get(4..length) else {
            break;
        };
        attributes.push((kind, value));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    attributes
}
