//! Decoding the records of the ring buffer.

use crate::sys::clock::Mono;
use swarmtrace_common::{Direction, EventKind, FateEvent, PacketEvent};

/// One record of the kernel side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A packet was seen at a tap.
    Packet(PacketEvent),
    /// The kernel dropped a packet.
    Drop(FateEvent),
    /// The kernel sent a reset.
    ResetSent(FateEvent),
}

impl Event {
    /// When it happened.
    pub fn time(&self) -> Mono {
        Mono::of(self.described())
    }

    /// The packet that was seen, dropped or answered with a reset; see [`FateEvent`].
    pub fn described(&self) -> &PacketEvent {
        match self {
            Self::Packet(packet) => packet,
            Self::Drop(fate) | Self::ResetSent(fate) => &fate.packet,
        }
    }

    /// The packet at a tap, if it is one.
    pub fn packet(&self) -> Option<&PacketEvent> {
        match self {
            Self::Packet(packet) => Some(packet),
            Self::Drop(_) | Self::ResetSent(_) => None,
        }
    }

    /// Decodes a record; none unless its kind is known and its length is that kind's.
    pub(super) fn decode(record: &[u8]) -> Option<Self> {
        let kind = *record.get(std::mem::offset_of!(PacketEvent, kind))?;
        let event = match EventKind::try_from(kind).ok()? {
            EventKind::Packet => Self::Packet(read(record)?),
            EventKind::Drop => Self::Drop(read(record)?),
            EventKind::ResetSent => Self::ResetSent(read(record)?),
        };
        Direction::try_from(event.described().direction)
            .is_ok()
            .then_some(event)
    }
}

impl From<&PacketEvent> for Event {
    fn from(packet: &PacketEvent) -> Self {
        Self::Packet(*packet)
    }
}

impl From<&Self> for Event {
    fn from(event: &Self) -> Self {
        *event
    }
}

/// A type that a record can be read as.
trait Record: Copy {}
impl Record for PacketEvent {}
impl Record for FateEvent {}

fn read<T: Record>(record: &[u8]) -> Option<T> {
    if record.len() != size_of::<T>() {
        return None;
    }
    // SAFETY: of the right length; both are `repr(C)`, made of integers alone, and
    // so valid for any bytes.
    Some(unsafe { record.as_ptr().cast::<T>().read_unaligned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: usize = std::mem::offset_of!(PacketEvent, kind);

    #[test]
    fn only_whole_events_of_a_known_kind_are_decoded() {
        let mut bytes = [0_u8; size_of::<PacketEvent>()];
        assert_eq!(Event::decode(&bytes), None);
        bytes[KIND] = EventKind::Packet as u8;
        bytes[..8].copy_from_slice(&42_u64.to_ne_bytes());
        let event = Event::decode(&bytes).unwrap();
        let time = Mono::from_ns(42);
        assert_eq!((event.time(), event.packet().is_some()), (time, true));
        assert_eq!(Event::decode(&bytes[1..]), None);
        assert_eq!(Event::decode(&[]), None);
        bytes[KIND] = 77;
        assert_eq!(Event::decode(&bytes), None);
        bytes[KIND] = EventKind::Drop as u8;
        assert_eq!(Event::decode(&bytes), None, "too short for a drop");
    }

    #[test]
    fn drops_and_resets_are_distinguished() {
        let mut bytes = [0_u8; size_of::<FateEvent>()];
        let reason = std::mem::offset_of!(FateEvent, reason);
        bytes[reason..reason + 4].copy_from_slice(&7_u32.to_ne_bytes());
        bytes[KIND] = EventKind::Drop as u8;
        assert!(matches!(Event::decode(&bytes), Some(Event::Drop(fate)) if fate.reason == 7));
        bytes[KIND] = EventKind::ResetSent as u8;
        assert!(matches!(Event::decode(&bytes), Some(Event::ResetSent(_))));
        bytes[KIND] = EventKind::Packet as u8;
        assert_eq!(Event::decode(&bytes), None, "too long for a packet");
    }
}
