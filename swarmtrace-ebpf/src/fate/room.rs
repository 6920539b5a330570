//! Working memory for programs that may interrupt each other.

use crate::emit::Counts;
use crate::packet::Parsed;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use core::ptr::{read_volatile, write_volatile};
use swarmtrace_common::{Endpoint, Tuple, counters};

/// Working memory of one run.
#[repr(C, align(8))]
pub struct Room {
    busy: u64,
    pub parsed: Parsed,
    pub original: Tuple,
    pub reply: Tuple,
    pub endpoint: Endpoint,
}

/// A run in a process may be interrupted by one in a softirq, and that by one in
/// an interrupt; taps have no room, but a depth of their own to count at.
const ROOMS: u32 = counters::DEPTHS - 1;

#[map]
static FATE_ROOMS: PerCpuArray<Room> = PerCpuArray::with_max_entries(ROOMS, 0);

impl Room {
    /// A room that no interrupted run is in, and its counters.
    #[inline(always)]
    pub fn enter() -> Option<(&'static mut Self, Counts)> {
        for number in 0..ROOMS {
            let room = FATE_ROOMS.get_ptr_mut(number)?;
            let counts = Counts::get(number + 1)?;
            // SAFETY: the map entry lives while the program runs; whoever
            // interrupts this leaves the rooms as they were.
            unsafe {
                if read_volatile(&raw const (*room).busy) == 0 {
                    write_volatile(&raw mut (*room).busy, 1);
                    return Some((&mut *room, counts));
                }
            }
        }
        Counts::get(ROOMS)?.add(counters::LOST);
        None
    }

    #[inline(always)]
    pub fn leave(&mut self) {
        // SAFETY: a reference.
        unsafe { write_volatile(&raw mut self.busy, 0) };
    }
}
