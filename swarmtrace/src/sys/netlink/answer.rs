//! Collects the answer to a request: from which messages it is made, and when it is
//! complete.

use super::error::NetlinkError;
use super::messages::messages;
use netlink_packet_core::{NLM_F_DUMP_INTR, NetlinkDeserializable, NetlinkMessage, NetlinkPayload};
use std::io;

/// What the last message of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `NLMSG_DONE`
    Done,
    /// `NLMSG_ERROR` with code 0.
    Acknowledged,
    /// The first one.
    FirstMessage,
}

#[derive(Debug)]
pub(super) struct Answer<M> {
    /// The objects that could be decoded.
    pub messages: Vec<M>,
    /// How many could not.
    pub undecoded: usize,
    /// The table changed during the dump: entries may be missing or twice in it.
    pub interrupted: bool,
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
    pub fn extend(
        &mut self,
        datagram: &[u8],
        sequence: u32,
        end: End,
    ) -> Result<bool, NetlinkError> {
        let mut complete = false;
        for buffer in messages(datagram) {
            let buffer = buffer?;
            let is_answer = buffer.sequence_number() == sequence;
            let interrupted = buffer.flags() & NLM_F_DUMP_INTR != 0;
            let message = NetlinkMessage::<M>::deserialize(buffer.into_inner());
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
    use netlink_packet_core::{DoneMessage, ErrorMessage, NetlinkHeader};
    use netlink_packet_route::RouteNetlinkMessage;
    use netlink_packet_route::link::LinkMessage;
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

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, End::Done);
        }
    }
}
