//! Makes an empty qcow2 disk on top of another one. A header and four tables,
//! so that QEMU's image tools, which some machines cannot install next to
//! their QEMU, are not needed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const CLUSTER: u64 = 64 * 1024;
const CLUSTER_BITS: u32 = 16;
const HEADER: u64 = 104;
const BACKING_FORMAT: u32 = 0xE279_2ACA;

/// What a disk is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The bytes as they are.
    Raw,
    /// Another qcow2 disk.
    Qcow2,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// Writes `disk`, empty, `size` bytes large, showing `backing` until written to.
///
/// # Errors
/// Errors if the file cannot be written.
pub fn create_overlay(disk: &Path, backing: &Path, format: Format, size: u64) -> Result<()> {
    fs::write(disk, overlay(&backing.to_string_lossy(), format, size))
        .with_context(|| format!("cannot write {}", disk.display()))
}

/// The size of the disk that a qcow2 file holds.
///
/// # Errors
/// Errors if the file cannot be read or is no qcow2 disk.
pub fn virtual_size(disk: &Path) -> Result<u64> {
    use std::io::Read;
    let mut head = [0u8; 32];
    fs::File::open(disk)
        .and_then(|mut file| file.read_exact(&mut head))
        .with_context(|| format!("cannot read {}", disk.display()))?;
    anyhow::ensure!(
        head.starts_with(b"QFI\xfb"),
        "{} is no qcow2 disk",
        disk.display()
    );
    let mut size = [0u8; 8];
    size.copy_from_slice(&head[24..32]);
    Ok(u64::from_be_bytes(size))
}

/// Cluster 0: header; 1: reference table; 2: reference block; 3 on: L1 table.
fn overlay(backing: &str, format: Format, size: u64) -> Vec<u8> {
    let l1_entries = size.div_ceil(CLUSTER * (CLUSTER / 8)).max(1);
    let l1_clusters = (l1_entries * 8).div_ceil(CLUSTER);
    let clusters = 3 + l1_clusters;
    let mut file = vec![0u8; (clusters * CLUSTER) as usize];

    let extension_end = HEADER + 8 + 8 + 8; // backing format, padded to 8, and the end mark
    let mut head = Vec::new();
    head.extend_from_slice(b"QFI\xfb");
    head.extend_from_slice(&3u32.to_be_bytes());
    head.extend_from_slice(&extension_end.to_be_bytes());
    head.extend_from_slice(&(backing.len() as u32).to_be_bytes());
    head.extend_from_slice(&CLUSTER_BITS.to_be_bytes());
    head.extend_from_slice(&size.to_be_bytes());
    head.extend_from_slice(&0u32.to_be_bytes()); // no encryption
    head.extend_from_slice(&(l1_entries as u32).to_be_bytes());
    head.extend_from_slice(&(3 * CLUSTER).to_be_bytes());
    head.extend_from_slice(&CLUSTER.to_be_bytes());
    head.extend_from_slice(&1u32.to_be_bytes()); // clusters of the reference table
    head.extend_from_slice(&[0; 4 + 8 + 3 * 8]); // no snapshots, no feature bits
    head.extend_from_slice(&4u32.to_be_bytes()); // reference counts of 16 bits
    head.extend_from_slice(&(HEADER as u32).to_be_bytes());
    head.extend_from_slice(&BACKING_FORMAT.to_be_bytes());
    head.extend_from_slice(&(format.name().len() as u32).to_be_bytes());
    head.extend_from_slice(format.name().as_bytes());
    head.resize(extension_end as usize, 0);
    head.extend_from_slice(backing.as_bytes());
    file[..head.len()].copy_from_slice(&head);

    let at = CLUSTER as usize;
    file[at..at + 8].copy_from_slice(&(2 * CLUSTER).to_be_bytes());
    for cluster in 0..clusters as usize {
        let at = 2 * CLUSTER as usize + 2 * cluster;
        file[at..at + 2].copy_from_slice(&1u16.to_be_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_stand_where_the_format_wants_them() {
        let file = overlay("/base", Format::Raw, 3 << 30);
        assert_eq!(&file[..8], b"QFI\xfb\0\0\0\x03");
        assert_eq!(file.len() as u64 % CLUSTER, 0);
        assert_eq!(&file[100..104], 104u32.to_be_bytes());
        let offset = u64::from_be_bytes(file[8..16].try_into().unwrap()) as usize;
        assert_eq!(&file[offset..offset + 5], b"/base");
        // 3 GiB in L2 tables of 512 MiB each
        assert_eq!(&file[36..40], 6u32.to_be_bytes());
    }

    #[test]
    fn size_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk");
        create_overlay(&disk, Path::new("/base"), Format::Qcow2, 12_345 * 512).unwrap();
        assert_eq!(virtual_size(&disk).unwrap(), 12_345 * 512);
        fs::write(&disk, [0; 64]).unwrap();
        assert!(virtual_size(&disk).is_err());
    }
}
