//! Field offsets of the running kernel, from the BTF that it publishes.
//!
//! The kernel side reads a handful of sk_buff, net_device, net and nf_conn
//! fields. Where they are differs from kernel to kernel, and the kernel says so
//! itself in `/sys/kernel/btf/vmlinux` (CONFIG_DEBUG_INFO_BTF). nf_conntrack is
//! usually a module: its types are then in `/sys/kernel/btf/nf_conntrack`, a
//! split BTF that continues the kernel's own.

use super::fate::FateTypes;
use btf_rs::{Backend, Btf, Struct, Type};
use std::path::Path;
use swarmtrace_common::Offsets;

/// Where the kernel publishes its own types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
/// Where it publishes those of nf_conntrack, when that is a module.
const CONNTRACK: &str = "/sys/kernel/btf/nf_conntrack";

/// Why offsets could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The kernel publishes no types.
    #[error("{VMLINUX}: {0}")]
    Unavailable(#[source] btf_rs::Error),
    /// A field that every kernel has is not there.
    #[error("no field {field} in the kernel's {structure}")]
    NoField {
        /// The structure's name.
        structure: &'static str,
        /// The field's name.
        field: &'static str,
    },
}

/// What the kernel's types say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelTypes {
    /// Where the fields are.
    pub offsets: Offsets,
    /// Why conntrack entries cannot be read, where they cannot.
    pub no_conntrack: Option<String>,
    /// What they say about drops and resets.
    pub fate: FateTypes,
}

impl KernelTypes {
    /// Reads the running kernel's types.
    ///
    /// # Errors
    /// [`BtfError`] without usable types of sk_buff, net_device and net. Missing
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

/// The running kernel's types.
///
/// # Errors
/// [`BtfError::Unavailable`] where it publishes none.
pub fn open() -> Result<Btf, BtfError> {
    // Mapping this file is possible from Linux 6.16 on, and then parsing costs
    // next to nothing.
    Btf::from_file_with_backend(VMLINUX, Backend::Mmap)
        .or_else(|_| Btf::from_file(VMLINUX))
        .map_err(BtfError::Unavailable)
}

/// Adds what conntrack's types say, or says why it cannot.
fn add_conntrack(kernel: &Btf, offsets: &mut Offsets) -> Result<(), String> {
    offsets.skb_nfct = field(kernel, "sk_buff", "_nfct")
        .map_err(|_| String::from("this kernel was built without connection tracking"))?;
    let module;
    let types = if structure(kernel, "nf_conn").is_some() {
        kernel
    } else if Path::new(CONNTRACK).exists() {
        module = Btf::from_split_file(CONNTRACK, kernel)
            .map_err(|error| format!("{CONNTRACK}: {error}"))?;
        &module
    } else if Path::new("/sys/module/nf_conntrack").exists() {
        return Err(String::from(
            "the nf_conntrack module publishes no types (BTF)",
        ));
    } else {
        return Err(String::from("the nf_conntrack module is not loaded"));
    };
    let say = |error: BtfError| error.to_string();
    offsets.conn_tuplehash = field(types, "nf_conn", "tuplehash").map_err(say)?;
    offsets.tuplehash_tuple = field(types, "nf_conntrack_tuple_hash", "tuple").map_err(say)?;
    offsets.tuplehash_size = structure(types, "nf_conntrack_tuple_hash")
        .map_or(0, |hash| u32::try_from(hash.size()).unwrap_or(0));
    // The kernel side reads the tuple as a whole: compare what it assumes.
    let man = ["u3", "u", "l3num"].map(|name| field(types, "nf_conntrack_man", name).ok());
    let size = structure(types, "nf_conntrack_tuple").map(|tuple| tuple.size());
    if man == [Some(0), Some(16), Some(18)] && size == Some(40) {
        Ok(())
    } else {
        Err(String::from(
            "this kernel lays nf_conntrack_tuple out in an unknown way",
        ))
    }
}

/// A structure's type, by name.
fn structure(btf: &Btf, name: &str) -> Option<Struct> {
    let types = btf.resolve_types_by_name(name).ok()?;
    types.into_iter().find_map(|found| match found {
        Type::Struct(found) if !found.members.is_empty() => Some(found),
        _ => None,
    })
}

/// Offset of a field in bytes, looked for in anonymous members as well.
fn field(btf: &Btf, of: &'static str, name: &'static str) -> Result<u32, BtfError> {
    fields(btf, of, [name]).map(|[offset]| offset)
}

/// Offsets of several fields: finding their structure is what takes time.
pub(super) fn fields<const N: usize>(
    btf: &Btf,
    of: &'static str,
    names: [&'static str; N],
) -> Result<[u32; N], BtfError> {
    let found = structure(btf, of);
    let mut offsets = [0; N];
    for (offset, field) in offsets.iter_mut().zip(names) {
        let bits = found.as_ref().and_then(|found| find(btf, found, field));
        *offset = bits.ok_or(BtfError::NoField {
            structure: of,
            field,
        })? / 8;
    }
    Ok(offsets)
}

/// Offset of a field in bits.
fn find(btf: &Btf, within: &Struct, name: &str) -> Option<u32> {
    within.members.iter().find_map(|member| {
        let found = btf.resolve_name(member).unwrap_or_default();
        if found == name {
            return Some(member.bit_offset());
        }
        if !found.is_empty() {
            return None;
        }
        let mut inner = btf.resolve_chained_type(member).ok()?;
        while let Type::Const(wrapped) | Type::Volatile(wrapped) = inner {
            inner = btf.resolve_chained_type(&wrapped).ok()?;
        }
        match inner {
            Type::Struct(inner) | Type::Union(inner) => {
                find(btf, &inner, name).map(|bits| bits + member.bit_offset())
            }
            _ => None,
        }
    })
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
    fn the_running_kernel_tells_of_drops_and_resets() {
        let fate = KernelTypes::read().unwrap().fate;
        assert_eq!(fate.unusable, None);
        assert!(matches!(fate.offsets.drop_args, 2..=4), "{fate:?}");
        assert!(matches!(fate.offsets.reset_args, 2..=3), "{fate:?}");
        let reasons = fate.offsets.drop_args > 2;
        assert_eq!(fate.offsets.not_dropped != u32::MAX, reasons);
    }
}
