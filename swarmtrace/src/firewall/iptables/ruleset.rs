//! iptables' rules as data.

use crate::firewall::fate::RejectWith;
use crate::firewall::packet::Connection;
use crate::sys::protocol::IpProtocol;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use swarmtrace_common::TcpFlags;

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
    /// Packets that the policy has decided, where counters were listed.
    pub packets: Option<u64>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// A rule: conditions and a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// As written, without its counters.
    pub text: String,
    /// Packets that it has counted, where counters were listed.
    pub packets: Option<u64>,
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
    Source(IpNet),
    /// `-d`
    Destination(IpNet),
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
    /// `--tcp-flags mask value`, `--syn`
    TcpFlags(TcpFlags, TcpFlags),
    /// `--icmp-type`, `--icmpv6-type`: the type, and the code if one is asked for.
    Icmp(u8, Option<u8>),
    /// `--length from:to`
    Length(u16, u16),
    /// Docker's match of a VXLAN packet's VNI, by its bytes (`-m u32`).
    Vni(u32),
    /// `--dir in --pol ipsec` or `none`: whether it came through IPsec.
    Ipsec(bool),
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
    Reject(RejectWith),
    /// `-j NFQUEUE`
    Queue,
    /// `-j NOTRACK`, `-j CT --notrack`
    Notrack,
    /// Changes the mark to what is not known here (`CONNMARK --restore-mark`).
    MarkUnknown,
    /// `-j RETURN`
    Return,
    /// `-j DNAT --to-destination`
    Dnat(Option<IpAddr>, Option<u16>),
    /// `-j REDIRECT --to-ports`
    Redirect(Option<u16>),
    /// `-j SNAT --to-source`
    Snat(Option<IpAddr>),
    /// `-j MASQUERADE`
    Masquerade,
    /// `-j MARK`: new = (old & !mask) ^ value.
    Mark(u32, u32),
    /// A jump to a chain, or an unknown target that lets the packet continue (`LOG`).
    Jump(String),
    /// `-g`
    Goto(String),
    /// A target that decides in a way that is not known here (`TPROXY`).
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
    /// `NEW`, `ESTABLISHED`, …
    Is(Connection),
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
