//! The kernel's own names for its numbers: why a packet was dropped, why a reset
//! was sent, which function an address is in.
//!
//! Reasons come from the running kernel's BTF and never from a table of ours:
//! new ones appear, and numbers move, with every version. Functions come from
//! `/proc/kallsyms`, which is read when the first one is asked for.

use btf_rs::{Btf, Type};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::OnceLock;

const KALLSYMS: &str = "/proc/kallsyms";
const RESTRICTION: &str = "/proc/sys/kernel/kptr_restrict";
/// A reason's upper half is the subsystem that gave it, 0 for the core.
const SUBSYSTEM_SHIFT: u32 = 16;
/// Subsystems whose reasons have an enum of their own, perhaps in a module.
const SUBSYSTEMS: [(&str, &str); 2] = [
    ("ovs_drop_reason", "/sys/kernel/btf/openvswitch"),
    ("mac80211_drop_reason", "/sys/kernel/btf/mac80211"),
];
/// No function is larger: an address further from the last one is in none.
const LARGEST: u64 = 1 << 20;

/// Names of the numbers that drops and resets come with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// `enum skb_drop_reason` and the subsystems'.
    drops: BTreeMap<u32, String>,
    /// `enum sk_rst_reason`
    resets: BTreeMap<u32, String>,
}

impl Reasons {
    /// Reads them; a kernel without has none.
    pub(crate) fn read(kernel: &Btf) -> Self {
        let mut drops = members(kernel, "skb_drop_reason");
        // Bounds and masks are no reasons.
        drops.retain(|_, name| !name.ends_with("_MAX") && !name.ends_with("_MASK"));
        for (name, module) in SUBSYSTEMS {
            let mut more = members(kernel, name);
            if more.is_empty() && Path::new(module).exists() {
                more = Btf::from_split_file(module, kernel)
                    .map_or_else(|_| BTreeMap::new(), |module| members(&module, name));
            }
            more.retain(|number, _| number >> SUBSYSTEM_SHIFT != 0);
            drops.extend(more);
        }
        let mut resets = members(kernel, "sk_rst_reason");
        resets.retain(|_, name| !name.ends_with("_MAX"));
        Self { drops, resets }
    }

    /// The number of a drop reason, `u32::MAX` where the kernel has none such.
    pub(crate) fn drop_number(&self, name: &str) -> u32 {
        let found = self.drops.iter().find(|(_, known)| *known == name);
        found.map_or(u32::MAX, |(number, _)| *number)
    }
}

fn members(btf: &Btf, name: &str) -> BTreeMap<u32, String> {
    let types = btf.resolve_types_by_name(name).unwrap_or_default();
    let found = types.into_iter().find_map(|found| match found {
        Type::Enum(found) if !found.members.is_empty() => Some(found),
        _ => None,
    });
    let members = found.into_iter().flat_map(|found| found.members);
    members
        .filter_map(|member| Some((member.val(), btf.resolve_name(&member).ok()?)))
        .collect()
}

/// Names for what the kernel says of a packet's fate.
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
    /// The running kernel's.
    pub(crate) fn new(reasons: Reasons) -> Self {
        Self {
            reasons,
            functions: OnceLock::new(),
        }
    }

    /// Names that are given, for tests and recordings: drop reasons, reset
    /// reasons, and functions by their address.
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
    /// reads the kernel's list of functions, which takes some 30 ms. `None` where
    /// the kernel does not tell addresses (`kernel.kptr_restrict`).
    pub fn function(&self, address: u64) -> Option<String> {
        self.functions.get_or_init(Functions::read).find(address)
    }
}

/// Whether the kernel tells nobody where its functions are; below that it tells
/// root.
pub(crate) fn are_hidden() -> bool {
    std::fs::read_to_string(RESTRICTION).is_ok_and(|level| level.trim() == "2")
}

/// The kernel's functions by their addresses.
#[derive(Debug, Default)]
struct Functions {
    /// Address, and where the name begins in `names`.
    starts: Vec<(u64, u32)>,
    /// One after the other, each with a line break.
    names: String,
}

impl Functions {
    fn read() -> Self {
        File::open(KALLSYMS).map_or_else(
            |_| Self::default(),
            |file| Self::parse(BufReader::new(file)),
        )
    }

    /// Reads `address type name [module]` lines.
    fn parse(mut listing: impl BufRead) -> Self {
        let mut functions = Self::default();
        let mut line = String::new();
        while matches!(listing.read_line(&mut line), Ok(1..)) {
            functions.add(&line);
            line.clear();
        }
        // Of several names for one address the first stays.
        functions.starts.sort_by_key(|(address, _)| *address);
        functions.starts.dedup_by_key(|(address, _)| *address);
        functions.starts.shrink_to_fit();
        functions.names.shrink_to_fit();
        functions
    }

    fn add(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let address = words.next().and_then(|a| u64::from_str_radix(a, 16).ok());
        let is_text = words
            .next()
            .is_some_and(|kind| matches!(kind, "t" | "T" | "w" | "W"));
        if let (Some(address @ 1..), true, Some(name)) = (address, is_text, words.next())
            && let Ok(start) = u32::try_from(self.names.len())
        {
            self.starts.push((address, start));
            self.names.push_str(name);
            self.names.push('\n');
        }
    }

    fn find(&self, address: u64) -> Option<String> {
        let after = self.starts.partition_point(|(start, _)| *start <= address);
        let (start, name) = self.starts.get(after.checked_sub(1)?)?;
        let offset = address - start;
        let name = self.names.get(*name as usize..)?.split('\n').next()?;
        (offset < LARGEST).then(|| format!("{name}+{offset:#x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
ffffffff82000000 T _stext
ffffffff82000000 t other_name
ffffffff82033900 T tcp_v4_rcv
ffffffff82033a00 D some_data
ffffffff82034000 t nft_do_chain\t[nf_tables]
not a line
ffffffff82033800 t ip_rcv
";

    #[test]
    fn addresses_are_found_in_functions_alone() {
        let functions = Functions::parse(LISTING.as_bytes());
        let at = |address| functions.find(address);
        assert_eq!(
            at(0xffff_ffff_8203_3912).as_deref(),
            Some("tcp_v4_rcv+0x12")
        );
        assert_eq!(
            at(0xffff_ffff_8203_3a04).as_deref(),
            Some("tcp_v4_rcv+0x104")
        );
        assert_eq!(at(0xffff_ffff_8203_3900).as_deref(), Some("tcp_v4_rcv+0x0"));
        assert_eq!(at(0xffff_ffff_8203_38ff).as_deref(), Some("ip_rcv+0xff"));
        assert_eq!(at(0xffff_ffff_8200_0001).as_deref(), Some("_stext+0x1"));
        assert_eq!(
            at(0xffff_ffff_8203_4001).as_deref(),
            Some("nft_do_chain+0x1")
        );
        assert_eq!(at(0xffff_ffff_8213_4001), None, "too far from any");
        assert_eq!(at(0xffff_ffff_81ff_ffff), None, "before all");
        assert_eq!(at(0), None);
        assert_eq!(at(u64::MAX), None);
    }

    #[test]
    fn a_kernel_that_hides_addresses_names_nothing() {
        let hidden = "0000000000000000 T tcp_v4_rcv\n0000000000000000 T ip_rcv\n";
        let functions = Functions::parse(hidden.as_bytes());
        assert_eq!(functions.find(0x12), None);
        assert_eq!(functions.find(0xffff_ffff_8203_3912), None);
        let none = KernelNames::default();
        assert_eq!((none.drop_reason(2), none.function(0x12)), (None, None));
    }
}
