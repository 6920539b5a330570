//! The messages of a datagram.
//!
//! Relied on: netlink(7). A message has its own length in front, and is padded to four
//! bytes, except perhaps the last one.

use super::error::NetlinkError;
use netlink_packet_core::NetlinkBuffer;

/// `struct nlmsghdr`
const NETLINK_HEADER_LEN: usize = 16;

/// The messages of a datagram, each with its header. An error, which is the last item,
/// stands for a message that is longer than the rest of the datagram, or shorter than
/// its own header.
pub fn messages(
    datagram: &[u8],
) -> impl Iterator<Item = Result<NetlinkBuffer<&[u8]>, NetlinkError>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = length(rest);
        let Some(message) = length.and_then(|length| rest.get(..length)) else {
            rest = &[];
            return Some(Err(NetlinkError::Undecodable));
        };
        let padded = message.len().next_multiple_of(4);
        rest = rest.get(padded..).unwrap_or_default();
        Some(Ok(NetlinkBuffer::new(message)))
    })
}

/// The length of the first message, if it is at least that of a header.
fn length(datagram: &[u8]) -> Option<usize> {
    let length = NetlinkBuffer::new_checked(datagram).ok()?.length();
    let length = usize::try_from(length).ok()?;
    (length >= NETLINK_HEADER_LEN).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_below_that_of_a_header_ends_the_datagram() {
        for length in [0_u32, 3, 15] {
            let mut datagram = vec![0; 20];
            datagram[..4].copy_from_slice(&length.to_ne_bytes());
            let all: Vec<_> = messages(&datagram).collect();
            assert!(matches!(all.as_slice(), [Err(_)]), "{length}: {all:?}");
        }
    }
}
