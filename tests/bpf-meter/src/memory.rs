//! Memory at made-up addresses: pieces with gaps between them, so that whatever
//! runs over the end of one is found out.

use std::collections::BTreeMap;
use std::ops::Range;

/// The first address. All of them fit in 32 bits: a tc program
/// reads its packet's address from fields of that size.
const FIRST: u64 = 0x1000_0000;
/// At least this many bytes between two pieces.
const GAP: u64 = 0x1000;

/// What a program may do with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read it.
    Read,
    /// Read and write it.
    Write,
}

#[derive(Debug)]
struct Piece {
    name: String,
    access: Access,
    bytes: Vec<u8>,
}

/// Pieces of memory by where they begin.
#[derive(Debug, Default)]
pub struct Memory(BTreeMap<u64, Piece>);

impl Memory {
    /// Adds a piece behind all others; returns where it is.
    pub fn add(&mut self, name: &str, access: Access, bytes: Vec<u8>) -> u64 {
        let behind = |(at, piece): (&u64, &Piece)| {
            (at + piece.bytes.len() as u64 + GAP).next_multiple_of(GAP)
        };
        let address = self.0.last_key_value().map_or(FIRST, behind);
        assert!(
            u32::try_from(address + bytes.len() as u64).is_ok(),
            "out of made-up addresses"
        );
        self.put(address, name, access, bytes);
        address
    }

    /// Adds a piece at an address where nothing is.
    pub fn put(&mut self, address: u64, name: &str, access: Access, bytes: Vec<u8>) {
        let name = name.to_owned();
        let piece = Piece {
            name,
            access,
            bytes,
        };
        assert!(self.0.insert(address, piece).is_none(), "taken");
    }

    /// Takes a piece away; its bytes.
    pub fn remove(&mut self, address: u64) -> Option<Vec<u8>> {
        self.0.remove(&address).map(|piece| piece.bytes)
    }

    /// The bytes at an address.
    ///
    /// # Errors
    /// Where not all of them are of one piece.
    pub fn bytes(&self, address: u64, size: usize) -> Result<&[u8], String> {
        let piece = self.0.range(..=address).next_back();
        let within = piece.and_then(|(at, piece)| {
            let from = usize::try_from(address - at).ok()?;
            piece.bytes.get(from..from.checked_add(size)?)
        });
        within.ok_or_else(|| outside(piece, address, size))
    }

    /// The bytes at an address, to write them.
    ///
    /// # Errors
    /// Where not all of them are of one piece, or that may not be written.
    pub fn bytes_mut(&mut self, address: u64, size: usize) -> Result<&mut [u8], String> {
        self.bytes(address, size)?;
        let piece = self.0.range_mut(..=address).next_back();
        let (at, piece) = piece.ok_or("no memory")?;
        if piece.access == Access::Read {
            return Err(format!(
                "{size} bytes written to {}, which may only be read",
                piece.name
            ));
        }
        let from = usize::try_from(address - at).map_err(|error| error.to_string())?;
        Ok(&mut piece.bytes[from..from + size])
    }

    /// The number of 1, 2, 4 or 8 bytes at an address.
    ///
    /// # Errors
    /// As [`Memory::bytes`].
    pub fn load(&self, address: u64, size: usize) -> Result<u64, String> {
        let mut word = [0; 8];
        word[low_bytes(size)].copy_from_slice(self.bytes(address, size)?);
        Ok(u64::from_ne_bytes(word))
    }

    /// Writes the low 1, 2, 4 or 8 bytes of a number to an address.
    ///
    /// # Errors
    /// As [`Memory::bytes_mut`].
    pub fn store(&mut self, address: u64, size: usize, value: u64) -> Result<(), String> {
        let bytes = self.bytes_mut(address, size)?;
        bytes.copy_from_slice(&value.to_ne_bytes()[low_bytes(size)]);
        Ok(())
    }
}

/// Where the low bytes of a word are.
fn low_bytes(size: usize) -> Range<usize> {
    if cfg!(target_endian = "big") {
        8 - size..8
    } else {
        0..size
    }
}

fn outside(before: Option<(&u64, &Piece)>, address: u64, size: usize) -> String {
    let asked = format!("{size} bytes at {address:#x}");
    match before {
        Some((at, piece)) => format!(
            "{asked} are not within {}, {} bytes at {at:#x}",
            piece.name,
            piece.bytes.len()
        ),
        None => format!("{asked} are before all memory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_within_a_piece_is_there() {
        let mut memory = Memory::default();
        let packet = memory.add("the packet", Access::Read, vec![1, 2, 3, 4]);
        let stack = memory.add("a stack", Access::Write, vec![0; 8]);
        let two = u16::from_ne_bytes([2, 3]);
        assert_eq!(memory.load(packet + 1, 2), Ok(u64::from(two)));
        for outside in [packet - 1, packet + 3, packet + 4, stack - 1, stack + 7] {
            assert!(memory.load(outside, 2).is_err(), "{outside:#x}");
            assert!(memory.store(outside, 2, 0).is_err(), "{outside:#x}");
        }
        assert!(memory.load(u64::MAX, 8).is_err());
        let error = memory.store(packet, 1, 0).expect_err("read only");
        assert!(error.contains("the packet"), "{error}");
        assert_eq!(memory.store(stack, 4, 0x1_0203_0405), Ok(()));
        assert_eq!(memory.load(stack, 8), Ok(0x0203_0405));
        assert_eq!(memory.remove(packet), Some(vec![1, 2, 3, 4]));
        assert!(memory.load(packet, 1).is_err());
    }
}
