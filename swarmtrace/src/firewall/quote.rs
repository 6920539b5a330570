//! Quoting a rule so that a person finds it: where it is, its text, and the commands
//! that list and remove it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};

/// The tool whose rules these are.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Backend {
    /// `iptables-nft`: iptables' rules in `nf_tables`.
    #[serde(rename = "iptables-nft")]
    Nft,
    /// `iptables-legacy`: `ip_tables`.
    #[serde(rename = "iptables-legacy")]
    Legacy,
    /// `nft`: `nf_tables`' own rules.
    #[serde(rename = "nft")]
    Native,
}

impl Backend {
    /// `nft`, `legacy`: of iptables' two; nftables' own are `nftables`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Legacy => "legacy",
            Self::Native => "nftables",
        }
    }
}

/// Which packets a table sees.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4
    Ip,
    /// IPv6
    Ip6,
    /// Both.
    Inet,
    /// What a bridge forwards.
    Bridge,
    /// What one device takes in or sends.
    Netdev,
    /// ARP
    Arp,
}

impl Family {
    /// As nft writes it: `inet`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
            Self::Arp => "arp",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let all = [
            Self::Ip,
            Self::Ip6,
            Self::Inet,
            Self::Bridge,
            Self::Netdev,
            Self::Arp,
        ];
        all.into_iter().find(|family| family.name() == name)
    }
}

/// A rule, or a chain's policy, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quote {
    /// The tool whose rule it is.
    pub backend: Backend,
    /// The table's family.
    pub family: Family,
    /// The table.
    pub table: String,
    /// The chain.
    pub chain: String,
    /// Its handle; iptables' rules have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<u64>,
    /// As the tool lists it; of a policy its verdict: `drop`, `DROP`.
    pub rule: String,
    /// Whether it is the chain's policy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_policy: bool,
    /// Packets that it has counted, if it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
}

impl Display for Quote {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            table, chain, rule, ..
        } = self;
        let family = self.family.name();
        match (self.backend, self.is_policy) {
            (Backend::Native, true) => {
                write!(
                    f,
                    "policy {rule} of chain {chain} in table {family} {table}"
                )
            }
            (_, true) => write!(f, "policy {rule} of {table} {chain}"),
            (Backend::Native, false) => {
                write!(f, "{family} {table} {chain}: {rule}")?;
                match self.handle {
                    Some(handle) => write!(f, " # handle {handle}"),
                    None => Ok(()),
                }
            }
            (_, false) => f.write_str(rule),
        }
    }
}

impl Quote {
    /// The command that lists its chain: `iptables -t nat -S PREROUTING`,
    /// `nft -a list chain inet fw input`.
    pub fn list(&self) -> String {
        match self.iptables() {
            Some(iptables) => format!("{iptables} -S {}", self.chain),
            None => format!("nft -a list chain {}", self.place()),
        }
    }

    /// The command that removes this very rule; none for a policy.
    pub fn remove(&self) -> Option<String> {
        if self.is_policy {
            return None;
        }
        match self.iptables() {
            Some(iptables) => Some(format!("{iptables} -D {}", self.rule.strip_prefix("-A ")?)),
            None => Some(format!(
                "nft delete rule {} handle {}",
                self.place(),
                self.handle?
            )),
        }
    }

    /// The start of a command that changes this table; none for nft's tables.
    pub fn iptables(&self) -> Option<String> {
        let program = match (self.backend, self.family) {
            (Backend::Native, _) => return None,
            (Backend::Nft, Family::Ip6) => "ip6tables",
            (Backend::Nft, _) => "iptables",
            (Backend::Legacy, Family::Ip6) => "ip6tables-legacy",
            (Backend::Legacy, _) => "iptables-legacy",
        };
        Some(match self.table.as_str() {
            "filter" => program.to_owned(),
            table => format!("{program} -t {table}"),
        })
    }

    /// Family, table and chain, as nft's commands name a chain: `inet fw input`.
    pub fn place(&self) -> String {
        format!("{} {} {}", self.family.name(), self.table, self.chain)
    }
}

/// Rules that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// Whose rules.
    pub what: Backend,
    /// For which packets: [`Family::Ip`], [`Family::Ip6`] or, for nftables,
    /// [`Family::Inet`].
    pub family: Family,
    /// Why.
    pub why: String,
}

impl Display for Unread {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
