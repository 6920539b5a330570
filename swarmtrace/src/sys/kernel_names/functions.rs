//! Which function of the kernel an address is in, from `/proc/kallsyms`.

use std::fs::File;
use std::io::{BufRead, BufReader};

const KALLSYMS: &str = "/proc/kallsyms";
const RESTRICTION: &str = "/proc/sys/kernel/kptr_restrict";
/// No function is larger: an address further from the previous start is in none.
const LARGEST: u64 = 1 << 20;

/// Whether the kernel hides its functions' addresses from everybody; at lower levels
/// root sees them.
pub(crate) fn are_hidden() -> bool {
    std::fs::read_to_string(RESTRICTION).is_ok_and(|level| level.trim() == "2")
}

/// The kernel's functions by their addresses.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// Address, and where the name begins in `names`.
    starts: Vec<(u64, u32)>,
    /// One after the other, each with a line break.
    names: String,
}

impl Functions {
    /// Reads the running kernel's.
    pub fn read() -> Self {
        File::open(KALLSYMS).map_or_else(
            |_| Self::default(),
            |file| Self::parse(BufReader::new(file)),
        )
    }

    /// Reads `address type name [module]` lines.
    pub fn parse(mut listing: impl BufRead) -> Self {
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

    /// The function that an address is in, `tcp_v4_rcv+0x1f`.
    pub fn find(&self, address: u64) -> Option<String> {
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
    }
}
