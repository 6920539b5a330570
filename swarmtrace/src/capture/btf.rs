//! Types and field offsets of the running kernel, from the BTF that it publishes
//! (`CONFIG_DEBUG_INFO_BTF`).

use btf_rs::{Backend, Btf, Struct, Type};

/// Where the kernel publishes its own types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Why a field's offset is not known.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The kernel publishes no types.
    #[error("{VMLINUX}: {0}")]
    Unavailable(#[source] btf_rs::Error),
    /// A field that every supported kernel has is missing.
    #[error("no field {field} in the kernel's {structure}")]
    NoField {
        /// The structure's name.
        structure: &'static str,
        /// The field's name.
        field: &'static str,
    },
}

/// The running kernel's types.
///
/// # Errors
/// [`BtfError::Unavailable`] if it publishes none.
pub fn open() -> Result<Btf, BtfError> {
    // Mapping this file is possible from Linux 6.16 on, and then parsing costs
    // next to nothing.
    Btf::from_file_with_backend(VMLINUX, Backend::Mmap)
        .or_else(|_| Btf::from_file(VMLINUX))
        .map_err(BtfError::Unavailable)
}

/// A structure's type, by name.
pub(super) fn structure(btf: &Btf, name: &str) -> Option<Struct> {
    let types = btf.resolve_types_by_name(name).ok()?;
    types.into_iter().find_map(|found| match found {
        Type::Struct(found) if !found.members.is_empty() => Some(found),
        _ => None,
    })
}

/// Offset of a field in bytes; fields of anonymous members are found as well.
///
/// # Errors
/// [`BtfError::NoField`] if there is no such field.
pub(super) fn field(btf: &Btf, of: &'static str, name: &'static str) -> Result<u32, BtfError> {
    fields(btf, of, [name]).map(|[offset]| offset)
}

/// Offsets of several fields of one structure: finding the structure is what takes
/// time.
///
/// # Errors
/// [`BtfError::NoField`] for the first that does not exist.
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
