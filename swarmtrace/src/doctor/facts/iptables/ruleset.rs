//! iptables' rules as data.

use crate::sys::protocol::IpProtocol;
use ipnet::Ipv4Net;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Which of the kernel's two packet filters holds the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// `iptables-nft`: `nf_tables`.
    Nft,
    /// `iptables-legacy`: `ip_tables`.
    Legacy,
}

impl Backend {
    /// `nft`, `legacy`
    pub fn name(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Legacy => "legacy",
        }
    }
}

/// The rules of one backend in one namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ruleset {
    /// By table name.
    pub tables: BTreeMap<String, Table>,
}

/// A table: its chains by name.
pub type Table = BTreeMap<String, Chain>;

/// A chain of rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// Its policy; none for a chain that is only jumped to.
    pub policy: Option<Policy>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// A rule: conditions and a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// As written, without its counters.
    pub text: String,
    /// All must hold.
    pub matches: Vec<Match>,
    /// What happens if they do; a rule without a target only counts.
    pub target: Option<Target>,
}

/// A condition, and whether it is negated.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Whether a `!` precedes it.
    pub negated: bool,
    /// What is asked of a packet.
    pub asks: Asks,
}

/// What a condition asks of a packet.
#[derive(Clone, Debug, PartialEq)]
pub enum Asks {
    /// `-s`
    Source(Ipv4Net),
    /// `-d`
    Destination(Ipv4Net),
    /// `-i`, with a trailing `+` for any rest.
    Input(String),
    /// `-o`
    Output(String),
    /// `-p`
    Protocol(IpProtocol),
    /// `--sport`, `--sports`
    SourcePorts(Vec<(u16, u16)>),
    /// `--dport`, `--dports`
    DestinationPorts(Vec<(u16, u16)>),
    /// `--ctstate`, `--state`
    States(Vec<ConnectionState>),
    /// `--src-type`
    SourceType(AddressType),
    /// `--dst-type`
    DestinationType(AddressType),
    /// `--mark value/mask`
    Mark(u32, u32),
    /// `--ipvs`
    Ipvs,
    /// `--syn`
    Syn,
    /// Anything else, as written.
    Unknown(String),
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// `-j ACCEPT`
    Accept,
    /// `-j DROP`
    Drop,
    /// `-j REJECT`
    Reject,
    /// `-j RETURN`
    Return,
    /// `-j DNAT --to-destination`
    Dnat(Option<Ipv4Addr>, Option<u16>),
    /// `-j REDIRECT --to-ports`
    Redirect(Option<u16>),
    /// `-j SNAT --to-source`
    Snat(Option<Ipv4Addr>),
    /// `-j MASQUERADE`
    Masquerade,
    /// `-j MARK`: new = (old & !mask) ^ value.
    Mark(u32, u32),
    /// A jump to a chain, or an unknown target that lets the packet continue (`LOG`).
    Jump(String),
    /// `-g`
    Goto(String),
    /// A target that decides in a way that is not known here (`NFQUEUE`).
    Opaque(String),
}

/// A chain's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `ACCEPT`
    Accept,
    /// `DROP`
    Drop,
}

impl Policy {
    /// `ACCEPT`, `DROP`
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Drop => "DROP",
        }
    }
}

/// A state of conntrack's, or a rewrite that conntrack has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// The first packet of a connection.
    New,
    /// A packet of a known connection.
    Established,
    /// `RELATED`, `INVALID`, `UNTRACKED`: not the first packet of a connection, nor a
    /// later one of a known connection.
    Other,
    /// `DNAT`, `SNAT`: its address was rewritten.
    Rewritten,
}

/// The type of an address in the routing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressType {
    /// `LOCAL`: an address of this namespace.
    Local,
    /// Any other type.
    Other,
}

impl Ruleset {
    /// Whether it has neither rules nor a policy that drops.
    pub fn is_empty(&self) -> bool {
        let mut chains = self.tables.values().flat_map(BTreeMap::values);
        chains.all(|c| c.rules.is_empty() && c.policy != Some(Policy::Drop))
    }

    /// A chain of a table.
    pub fn chain(&self, table: &str, chain: &str) -> Option<&Chain> {
        self.tables.get(table)?.get(chain)
    }

    /// Every rule of a table, with its chain's name.
    pub fn rules(&self, table: &str) -> impl Iterator<Item = (&str, &Rule)> {
        (self.tables.get(table).into_iter().flatten())
            .flat_map(|(name, chain)| chain.rules.iter().map(move |r| (name.as_str(), r)))
    }
}
