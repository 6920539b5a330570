//! A tap's working memory, which would not fit on the 512 bytes of stack.

use crate::parsed::Parsed;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use swarmtrace_common::Endpoint;

/// Working memory of one run of a tap's program.
#[repr(C)]
pub struct Scratch {
    pub parsed: Parsed,
    /// The key of a lookup in `ENDPOINTS`.
    pub endpoint: Endpoint,
}

#[map]
static SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

impl Scratch {
    /// This CPU's; always there.
    #[inline(always)]
    pub fn get() -> Option<&'static mut Self> {
        // SAFETY: the map entry lives while the program runs, and no other tap's
        // program runs on this CPU meanwhile.
        SCRATCH
            .get_ptr_mut(0)
            .map(|scratch| unsafe { &mut *scratch })
    }
}
