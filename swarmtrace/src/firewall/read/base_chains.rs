//! Base chains of `nf_tables` other than iptables': packets traverse them beside
//! iptables' chains, and `iptables-save` does not show them.
//!
//! Where `nft` is not installed their rules cannot be listed: the chain's existence says
//! what was not examined.
//!
//! Relied on: `linux/netfilter/nf_tables.h` `NFT_MSG_GETCHAIN`; netdev and bridge
//! families do not see routed packets.

use crate::firewall::hook::Hook;
use crate::sys::netlink::{Family, Netlink, NetlinkError};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, Hook as HookAttribute, HookNumber, InetHookNumber,
    NfTablesMessage,
};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
};

/// The tables that iptables-nft keeps.
const IPTABLES_TABLES: [&str; 5] = ["filter", "nat", "mangle", "raw", "security"];

/// A chain that is attached to a hook.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BaseChain {
    /// Family and name of its table: `inet firewalld`.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its hook.
    pub hook: Hook,
}

/// The base chains of a namespace.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// Without iptables' own.
    pub chains: Vec<BaseChain>,
    /// Chains that could not be decoded.
    pub undecoded: usize,
}

/// Reads the calling thread's namespace.
pub(super) fn read() -> Result<Chains, NetlinkError> {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, 0);
    let attributes = Vec::new();
    let request = NfTablesMessage::GetChain(ChainMessage { attributes });
    let mut netlink = Netlink::open(Family::Netfilter)?;
    let dump = netlink.dump(NetfilterMessage::new(header, request))?;
    Ok(Chains {
        chains: dump.messages.into_iter().filter_map(base_chain).collect(),
        undecoded: dump.undecoded,
    })
}

fn base_chain(message: NetfilterMessage) -> Option<BaseChain> {
    let family = match message.header.family {
        NetfilterProtoFamily::Inet => "inet",
        NetfilterProtoFamily::IPv4 => "ip",
        NetfilterProtoFamily::IPv6 => "ip6",
        _ => return None,
    };
    let NetfilterMessageInner::NfTables(NfTablesMessage::NewChain(chain)) = message.inner else {
        return None;
    };
    let (mut table, mut name, mut hook) = (None, None, None);
    for attribute in chain.attributes {
        match attribute {
            ChainAttribute::Table(text) => table = Some(text),
            ChainAttribute::Name(text) => name = Some(text),
            ChainAttribute::Hook(attributes) => hook = attributes.iter().find_map(number),
            _ => {}
        }
    }
    let (table, name, hook) = (table?, name?, hook?);
    // iptables-nft's base chains have the hook's name in capitals.
    let is_iptables =
        family != "inet" && IPTABLES_TABLES.contains(&table.as_str()) && name == hook.iptables();
    (!is_iptables).then(|| BaseChain {
        table: format!("{family} {table}"),
        name,
        hook,
    })
}

fn number(attribute: &HookAttribute) -> Option<Hook> {
    let HookAttribute::Number(HookNumber::Inet(number)) = attribute else {
        return None;
    };
    Some(match number {
        InetHookNumber::PreRouting => Hook::Prerouting,
        InetHookNumber::LocalIn => Hook::Input,
        InetHookNumber::Forward => Hook::Forward,
        InetHookNumber::LocalOut => Hook::Output,
        InetHookNumber::PostRouting => Hook::Postrouting,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::ParseableParametrized;
    use proptest::prelude::*;

    /// Subsystem 10 (`nf_tables`), message 3.
    const NFT_MSG_NEWCHAIN: u16 = 10 << 8 | 3;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    /// A chain as the kernel sends it: table 1, name 3, hook 4 (number 1), policy 5.
    fn message(family: u8, table: &[u8], name: &[u8]) -> NetfilterMessage {
        let hook = attribute(1, &2u32.to_be_bytes());
        let bytes = [
            vec![family, 0, 0, 0],
            attribute(1, table),
            attribute(3, name),
            attribute(4 | 0x8000, &hook),
            attribute(5, &0u32.to_be_bytes()),
        ]
        .concat();
        NetfilterMessage::parse_with_param(&bytes, NFT_MSG_NEWCHAIN).unwrap()
    }

    #[test]
    fn firewallds_chain_is_distinguished_from_iptables() {
        let chain = base_chain(message(1, b"firewalld\0", b"filter_FORWARD\0")).unwrap();
        assert_eq!(chain.table, "inet firewalld");
        assert_eq!(chain.hook, Hook::Forward);
        assert_eq!(base_chain(message(2, b"filter\0", b"FORWARD\0")), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(message) = NetfilterMessage::parse_with_param(&bytes, NFT_MSG_NEWCHAIN) {
                base_chain(message);
            }
        }
    }
}
