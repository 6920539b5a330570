//! The kernel's names of the reasons for which it drops packets and sends resets.
//!
//! They come from the running kernel's BTF and never from a table of ours: new ones
//! appear, and numbers move, with every version.

use btf_rs::{Btf, Type};
use std::collections::BTreeMap;
use std::path::Path;

/// A reason's upper half is the subsystem that gives it, 0 for the core.
const SUBSYSTEM_SHIFT: u32 = 16;
/// Subsystems whose reasons have an enum of their own, possibly in a module's BTF.
const SUBSYSTEMS: [(&str, &str); 2] = [
    ("ovs_drop_reason", "/sys/kernel/btf/openvswitch"),
    ("mac80211_drop_reason", "/sys/kernel/btf/mac80211"),
];

/// Names by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// `enum skb_drop_reason` and the subsystems'.
    pub drops: BTreeMap<u32, String>,
    /// `enum sk_rst_reason`
    pub resets: BTreeMap<u32, String>,
}

impl Reasons {
    /// Reads them; empty if the kernel has none.
    pub fn read(kernel: &Btf) -> Self {
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

    /// The number of a drop reason, `u32::MAX` if the kernel does not have it.
    pub fn drop_number(&self, name: &str) -> u32 {
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
