//! What `nft -a -s list ruleset` prints: the text of each rule, by its handle.

use crate::firewall::quote::Family;
use std::collections::HashMap;

/// Texts of rules and devices of chains.
#[derive(Debug, Default)]
pub(super) struct Listing<'a> {
    /// By family, table and handle. A handle is never used twice in a table.
    rules: HashMap<(Family, &'a str, u64), &'a str>,
    devices: HashMap<(Family, &'a str, &'a str), Vec<String>>,
}

impl<'a> Listing<'a> {
    pub fn parse(text: &'a str) -> Self {
        let mut listing = Self::default();
        let mut table: Option<(Family, &str)> = None;
        let mut chain = None;
        for line in text.lines().map(str::trim) {
            let (line, handle) = match line.rsplit_once(" # handle ") {
                Some((line, handle)) => (line, handle.parse::<u64>().ok()),
                None => (line, None),
            };
            let mut words = line.split(' ');
            match (words.next(), words.next(), words.next()) {
                (Some("table"), Some(family), Some(name)) if line.ends_with('{') => {
                    table = Family::named(family).map(|family| (family, name));
                    chain = None;
                }
                (Some("chain"), Some(name), Some("{")) => chain = Some(name),
                (Some("}"), None, None) => chain = None,
                _ => {
                    let (Some((family, name)), Some(chain)) = (table, chain) else {
                        continue;
                    };
                    if let Some(handle) = handle {
                        listing.rules.insert((family, name, handle), line);
                    } else if let Some((_, rest)) = line.split_once(" device") {
                        let devices = devices(rest);
                        listing.devices.insert((family, name, chain), devices);
                    }
                }
            }
        }
        listing
    }

    pub fn text(&self, family: Family, table: &str, handle: u64) -> Option<String> {
        let text = self.rules.get(&(family, table, handle))?;
        Some((*text).to_owned())
    }

    pub fn devices(&self, family: Family, table: &str, chain: &str) -> Vec<String> {
        let found = self.devices.get(&(family, table, chain));
        found.cloned().unwrap_or_default()
    }
}

/// ` "lo" priority filter`, `s = { "a", "b" } priority filter`
fn devices(text: &str) -> Vec<String> {
    let (names, _) = text.split_once(" priority").unwrap_or((text, ""));
    names
        .trim_start_matches("s = {")
        .trim_end_matches('}')
        .split(',')
        .map(|name| name.trim().trim_matches('"').to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}
