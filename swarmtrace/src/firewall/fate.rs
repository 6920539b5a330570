//! How a packet ends.

use super::quote::{Quote, Unread};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;

/// What happens to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It continues unchanged.
    Accept,
    /// Dropped without a word.
    Drop,
    /// Dropped, and the sender is told.
    Reject(RejectWith),
    /// Handed to a program, which decides.
    Queue,
    /// Its destination is rewritten.
    Dnat(Option<IpAddr>, Option<u16>),
    /// Its destination becomes this namespace, at that port.
    Redirect(Option<u16>),
    /// Its source is rewritten.
    Snat(Option<IpAddr>),
    /// Its source becomes the outgoing device's address.
    Masquerade,
    /// Not known.
    Unknown,
}

impl Fate {
    /// Whether the packet is lost: dropped or rejected.
    pub fn is_drop(self) -> bool {
        matches!(self, Self::Drop | Self::Reject(_))
    }
}

/// What the sender of a rejected packet gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RejectWith {
    /// A TCP segment with RST.
    TcpReset,
    /// An ICMP error, or an `ICMPv6` one for an IPv6 packet.
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
}

impl RejectWith {
    /// By the name that iptables has for it: `icmp-host-prohibited`, `tcp-reset`.
    pub(super) fn named_by_iptables(name: &str) -> Option<Self> {
        let (kind, code) = match name {
            "tcp-reset" => return Some(Self::TcpReset),
            "icmp-net-unreachable" => (3, 0),
            "icmp-host-unreachable" => (3, 1),
            "icmp-proto-unreachable" => (3, 2),
            "icmp-port-unreachable" => (3, 3),
            "icmp-net-prohibited" => (3, 9),
            "icmp-host-prohibited" => (3, 10),
            "icmp-admin-prohibited" => (3, 13),
            "icmp6-no-route" => (1, 0),
            "icmp6-adm-prohibited" => (1, 1),
            "icmp6-addr-unreachable" => (1, 3),
            "icmp6-port-unreachable" => (1, 4),
            "icmp6-policy-fail" => (1, 5),
            "icmp6-reject-route" => (1, 6),
            _ => return None,
        };
        Some(Self::Icmp { kind, code })
    }

    /// By the name that nft has for it, for a packet of that version.
    pub(super) fn named_by_nft(name: &str, v6: bool) -> Option<Self> {
        let code = match (name, v6) {
            ("net-unreachable" | "no-route", false) | ("no-route", true) => 0,
            ("host-unreachable", false) | ("admin-prohibited", true) => 1,
            ("prot-unreachable", false) => 2,
            ("port-unreachable", false) | ("addr-unreachable" | "host-unreachable", true) => 3,
            ("port-unreachable", true) => 4,
            ("policy-fail", true) => 5,
            ("reject-route", true) => 6,
            ("net-prohibited", false) => 9,
            ("host-prohibited", false) => 10,
            ("admin-prohibited", false) => 13,
            _ => return None,
        };
        let kind = if v6 { 1 } else { 3 };
        Some(Self::Icmp { kind, code })
    }

    /// A port that cannot be reached, which is what both tools send by default.
    pub(super) fn port_unreachable(v6: bool) -> Self {
        match v6 {
            true => Self::Icmp { kind: 1, code: 4 },
            false => Self::Icmp { kind: 3, code: 3 },
        }
    }
}

/// What decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// A rule, or a chain's policy.
    Rule(Quote),
    /// No rule and no policy: the packet continues.
    NoRule,
    /// Rules that could not be read.
    Unread(Unread),
}

impl By {
    /// The rule or policy.
    pub fn quote(&self) -> Option<&Quote> {
        match self {
            Self::Rule(quote) => Some(quote),
            Self::NoRule | Self::Unread(_) => None,
        }
    }
}

impl Display for By {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(quote) => quote.fmt(f),
            Self::NoRule => f.write_str("no rule"),
            Self::Unread(unread) => unread.fmt(f),
        }
    }
}

/// A possible ending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ending {
    /// What happens to the packet.
    pub fate: Fate,
    /// What decides.
    pub by: By,
    /// Whether the deciding rule's counter has counted any packet; none if it has no
    /// counter. A rule that has counted none cannot have dropped a packet that was
    /// sent before the rules were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<bool>,
}

impl Ending {
    pub(super) fn new(fate: Fate, by: By) -> Self {
        let counted = by
            .quote()
            .and_then(|q| q.packets)
            .map(|packets| packets > 0);
        Self { fate, by, counted }
    }
}

/// Every possible ending of a packet at one hook, or in one table's chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traversal {
    /// Every possible ending; usually one.
    pub endings: Vec<Ending>,
    /// The packet's firewall mark afterwards.
    pub mark: u32,
    /// A rule that may change the mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark_doubt: Option<Quote>,
    /// Rules that exempt the packet from conntrack, or may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notrack: Vec<Quote>,
}

impl Traversal {
    /// How it ends, if every possible ending is the same.
    pub fn certain(&self) -> Option<&Ending> {
        let first = self.endings.first()?;
        (self.endings.iter())
            .all(|e| e.fate == first.fate)
            .then_some(first)
    }

    /// The first ending, if the packet is dropped or rejected in every possible one.
    pub fn dropped(&self) -> Option<&Ending> {
        let all = self.endings.iter().all(|e| e.fate.is_drop());
        self.endings.first().filter(|_| all)
    }

    /// An ending other than to continue that is possible but not certain: it depends on
    /// the packet, or is not known. Rules that could not be read are none: the report
    /// lists them as such.
    pub fn doubt(&self) -> Option<&Ending> {
        let open = |fate| matches!(fate, Fate::Unknown | Fate::Queue);
        if self.certain().is_some_and(|e| !open(e.fate)) || self.dropped().is_some() {
            return None;
        }
        (self.endings.iter()).find(|e| e.fate != Fate::Accept && !matches!(e.by, By::Unread(_)))
    }

    pub(super) fn end(&mut self, fate: Fate, by: By) {
        if !self.endings.iter().any(|e| e.fate == fate) {
            self.endings.push(Ending::new(fate, by));
        }
    }
}
