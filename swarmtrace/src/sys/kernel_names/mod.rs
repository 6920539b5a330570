//! The kernel's own names for its numbers: why a packet was dropped, why a reset
//! was sent, which function an address is in.

pub(crate) mod functions;
mod reasons;

pub use reasons::Reasons;

use functions::Functions;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

/// Names for the numbers in drops and resets.
#[derive(Debug)]
pub struct KernelNames {
    reasons: Reasons,
    functions: OnceLock<Functions>,
}

impl Default for KernelNames {
    /// No names at all.
    fn default() -> Self {
        Self::given(BTreeMap::new(), BTreeMap::new(), &BTreeMap::new())
    }
}

impl KernelNames {
    /// The running kernel's; its functions are read at the first lookup.
    pub(crate) fn new(reasons: Reasons) -> Self {
        Self {
            reasons,
            functions: OnceLock::new(),
        }
    }

    /// Given names, for tests and recordings: drop reasons, reset reasons, and
    /// functions by their address.
    pub fn given(
        drops: BTreeMap<u32, String>,
        resets: BTreeMap<u32, String>,
        functions: &BTreeMap<u64, String>,
    ) -> Self {
        let listing = functions
            .iter()
            .fold(String::new(), |mut text, (at, name)| {
                let _ = writeln!(text, "{at:x} T {name}");
                text
            });
        Self {
            reasons: Reasons { drops, resets },
            functions: OnceLock::from(Functions::parse(listing.as_bytes())),
        }
    }

    /// A drop reason as the kernel spells it: `SKB_DROP_REASON_NO_SOCKET`.
    pub fn drop_reason(&self, number: u32) -> Option<&str> {
        self.reasons.drops.get(&number).map(String::as_str)
    }

    /// A reset reason as the kernel spells it: `SK_RST_REASON_NO_SOCKET`.
    pub fn reset_reason(&self, number: u32) -> Option<&str> {
        self.reasons.resets.get(&number).map(String::as_str)
    }

    /// The function that an address is in, `tcp_v4_rcv+0x1f`. The first call
    /// reads the kernel's list of functions, which takes some 30 ms. `None` if
    /// the kernel hides addresses (`kernel.kptr_restrict`).
    pub fn function(&self, address: u64) -> Option<String> {
        self.functions.get_or_init(Functions::read).find(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_names_name_nothing() {
        let none = KernelNames::default();
        assert_eq!((none.drop_reason(2), none.function(0x12)), (None, None));
    }
}
