//! Working memory for programs that may interrupt each other.

use crate::emit::Counts;
use crate::parsed::Parsed;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use core::ptr::{read_volatile, write_volatile};
use swarmtrace_common::{Endpoint, Tuple, counters};

/// Working memory of one run.
#[repr(C, align(8))]
pub struct Scratch {
    busy: u64,
    pub parsed: Parsed,
    pub original: Tuple,
    pub reply: Tuple,
    pub endpoint: Endpoint,
}

/// A run in a process may be interrupted by one in a softirq, and that by one in
/// an interrupt; taps have
/// their own scratch memory and count at depth 0.
const DEPTHS: u32 = counters::DEPTHS - 1;

#[map]
static FATE_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(DEPTHS, 0);

impl Scratch {
    /// The first scratch memory that no interrupted run uses, and its counters.
    #[inline(always)]
    pub fn enter() -> Option<(&'static mut Self, Counts)> {
        for number in 0..DEPTHS {
            let scratch = FATE_SCRATCH.get_ptr_mut(number)?;
            let counts = Counts::get(number + 1)?;
            // SAFETY: the map entry lives while the program runs; whoever
            // interrupts this leaves them as they were.
            unsafe {
                if read_volatile(&raw const (*scratch).busy) == 0 {
                    write_volatile(&raw mut (*scratch).busy, 1);
                    return Some((&mut *scratch, counts));
                }
            }
        }
        Counts::get(DEPTHS)?.add(counters::LOST);
        None
    }

    #[inline(always)]
    pub fn leave(&mut self) {
        // SAFETY: a reference.
        unsafe { write_volatile(&raw mut self.busy, 0) };
    }
}
