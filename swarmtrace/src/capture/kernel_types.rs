//! What the programs need of the running kernel's types: offsets and constants.
//!
//! The taps' programs read a handful of `sk_buff`, `net_device`, net and `nf_conn` fields.
//! Their offsets differ from kernel to kernel, and the kernel publishes them in
//! `/sys/kernel/btf/vmlinux`. `nf_conntrack` is usually a module: its types are then in
//! `/sys/kernel/btf/nf_conntrack`, a split BTF that continues the kernel's own.

use super::btf::{BtfError, field, open, structure};
use super::fate_types::FateTypes;
use btf_rs::Btf;
use std::path::Path;
use swarmtrace_common::Offsets;

/// Where the kernel publishes `nf_conntrack`'s types, if that is a module.
const CONNTRACK: &str = "/sys/kernel/btf/nf_conntrack";

/// What the programs need of the kernel's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelTypes {
    /// Offsets of the fields that the taps' programs read.
    pub offsets: Offsets,
    /// Why conntrack entries cannot be read, if so.
    pub no_conntrack: Option<String>,
    /// What the programs on tracepoints need.
    pub fate: FateTypes,
}

impl KernelTypes {
    /// Reads the running kernel's types.
    ///
    /// # Errors
    /// [`BtfError`] without usable types of `sk_buff`, `net_device` and net. Missing
    /// conntrack types are no error, see [`KernelTypes::no_conntrack`].
    pub fn read() -> Result<Self, BtfError> {
        let kernel = open()?;
        let mut offsets = Offsets {
            skb_dev: field(&kernel, "sk_buff", "dev")?,
            dev_nd_net: field(&kernel, "net_device", "nd_net")?,
            net_inum: field(&kernel, "net", "ns")? + field(&kernel, "ns_common", "inum")?,
            skb_nfct: u32::MAX,
            conn_tuplehash: u32::MAX,
            ..Offsets::default()
        };
        let no_conntrack = add_conntrack(&kernel, &mut offsets).err();
        if no_conntrack.is_some() {
            offsets.skb_nfct = u32::MAX;
            offsets.conn_tuplehash = u32::MAX;
        }
        Ok(Self {
            offsets,
            no_conntrack,
            fate: FateTypes::read(&kernel),
        })
    }
}

/// Adds the offsets in conntrack's types, or returns why it cannot.
fn add_conntrack(kernel: &Btf, offsets: &mut Offsets) -> Result<(), String> {
    offsets.skb_nfct = field(kernel, "sk_buff", "_nfct")
        .map_err(|_| str::to_owned("this kernel was built without connection tracking"))?;
    let module;
    let types = if structure(kernel, "nf_conn").is_some() {
        kernel
    } else if Path::new(CONNTRACK).exists() {
        module = Btf::from_split_file(CONNTRACK, kernel)
            .map_err(|error| format!("{CONNTRACK}: {error}"))?;
        &module
    } else if Path::new("/sys/module/nf_conntrack").exists() {
        return Err(str::to_owned(
            "the nf_conntrack module publishes no types (BTF)",
        ));
    } else {
        return Err(str::to_owned("the nf_conntrack module is not loaded"));
    };
    let text = |error: BtfError| error.to_string();
    offsets.conn_tuplehash = field(types, "nf_conn", "tuplehash").map_err(text)?;
    offsets.tuplehash_tuple = field(types, "nf_conntrack_tuple_hash", "tuple").map_err(text)?;
    offsets.tuplehash_size = structure(types, "nf_conntrack_tuple_hash")
        .and_then(|hash| u32::try_from(hash.size()).ok())
        .ok_or("this kernel has no nf_conntrack_tuple_hash")?;
    // The kernel side reads the tuple as a whole: compare what it assumes.
    let man = ["u3", "u", "l3num"].map(|name| field(types, "nf_conntrack_man", name).ok());
    let size = structure(types, "nf_conntrack_tuple").map(|tuple| tuple.size());
    if man == [Some(0), Some(16), Some(18)] && size == Some(40) {
        Ok(())
    } else {
        Err(str::to_owned(
            "this kernel lays nf_conntrack_tuple out in an unknown way",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_the_running_kernel_are_plausible() {
        let types = KernelTypes::read().unwrap();
        assert_eq!(types.offsets.skb_dev, 16, "{types:?}");
        assert!(types.offsets.dev_nd_net > 0);
        assert!(types.offsets.net_inum > 0);
        if types.no_conntrack.is_none() {
            assert!(types.offsets.skb_nfct > 16);
            assert_eq!(types.offsets.tuplehash_size, 56);
            assert_eq!(types.offsets.tuplehash_tuple, 16);
        }
    }

    #[test]
    fn the_running_kernel_has_types_of_drops_and_resets() {
        let fate = KernelTypes::read().unwrap().fate;
        assert_eq!(fate.unusable, None);
        assert!(matches!(fate.offsets.drop_args, 2..=4), "{fate:?}");
        assert!(matches!(fate.offsets.reset_args, 2..=3), "{fate:?}");
        let reasons = fate.offsets.drop_args > 2;
        assert_eq!(fate.offsets.not_dropped != u32::MAX, reasons);
    }
}
