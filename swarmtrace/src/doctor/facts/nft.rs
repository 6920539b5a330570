//! Chains of nf_tables that are nobody's but nf_tables': a packet meets them
//! beside iptables' rules, and `iptables-save` does not show them.
//!
//! Their rules are not followed; that they exist is enough to say what was not
//! examined, and a policy that drops is told apart.
//!
//! Relied on: linux/netfilter/nf_tables.h `nft_chain_attributes`.

use super::netlink::{self, attributes};
use std::io;

const NETLINK_NETFILTER: isize = 12;
/// Subsystem 10, message 4.
const NFT_MSG_GETCHAIN: u16 = 10 << 8 | 4;
const TABLE: u16 = 1;
const NAME: u16 = 3;
const HOOK: u16 = 4;
const POLICY: u16 = 5;
const HOOK_NUMBER: u16 = 1;
/// `nfgenmsg`: family, version, resource.
const GENERIC: usize = 4;
/// Families: inet, ip, ip6.
const FAMILIES: [(u8, &str); 3] = [(1, "inet"), (2, "ip"), (10, "ip6")];
/// What iptables-nft calls its tables.
const OF_IPTABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];

/// A chain that hangs on a hook.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseChain {
    /// `inet firewalld`
    pub table: String,
    /// Its name.
    pub name: String,
    /// `forward`
    pub hook: &'static str,
    /// Its policy is to drop.
    pub drops: bool,
}

/// The calling thread's namespace's, without iptables' own.
pub(super) fn read() -> io::Result<Vec<BaseChain>> {
    let messages = netlink::dump(NETLINK_NETFILTER, NFT_MSG_GETCHAIN, &[0; GENERIC])?;
    Ok(messages.iter().filter_map(|m| base_chain(m)).collect())
}

fn base_chain(message: &[u8]) -> Option<BaseChain> {
    let (_, family) = FAMILIES.iter().find(|(n, _)| Some(n) == message.first())?;
    let attributes_of_chain = attributes(message.get(GENERIC..)?);
    let value = |kind: u16| {
        attributes_of_chain
            .iter()
            .find(|(k, _)| *k == kind)
            .map(|(_, v)| *v)
    };
    let hook = attributes(value(HOOK)?);
    let (_, number) = hook.iter().find(|(kind, _)| *kind == HOOK_NUMBER)?;
    let hook = match big_endian(number)? {
        0 => "prerouting",
        1 => "input",
        2 => "forward",
        3 => "output",
        4 => "postrouting",
        _ => return None,
    };
    let table = text(value(TABLE)?);
    let name = text(value(NAME)?);
    // iptables-nft's chains bear the hook's name in capitals.
    if *family != "inet" && OF_IPTABLES.contains(&table.as_str()) && name == hook.to_uppercase() {
        return None;
    }
    Some(BaseChain {
        table: format!("{family} {table}"),
        name,
        hook,
        drops: value(POLICY).and_then(big_endian) == Some(0),
    })
}

fn big_endian(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(family: u8, table: &[u8], name: &[u8]) -> Vec<u8> {
        let hook = attribute(HOOK_NUMBER, &2u32.to_be_bytes());
        [
            vec![family, 0, 0, 0],
            attribute(TABLE, table),
            attribute(NAME, name),
            attribute(HOOK | 0x8000, &hook),
            attribute(POLICY, &0u32.to_be_bytes()),
        ]
        .concat()
    }

    #[test]
    fn firewallds_chain_is_told_from_iptables() {
        let chain = base_chain(&message(1, b"firewalld\0", b"filter_FORWARD\0")).unwrap();
        assert_eq!(chain.table, "inet firewalld");
        assert_eq!(chain.hook, "forward");
        assert!(chain.drops);
        assert_eq!(base_chain(&message(2, b"filter\0", b"FORWARD\0")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            base_chain(&bytes);
        }
    }
}
