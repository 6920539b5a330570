//! Where in a packet's way chains are attached, and in which order.

use super::quote::Family;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A netfilter hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Hook {
    /// Every packet that a device takes in, before anything else.
    Ingress,
    /// Every packet that arrives, before routing.
    Prerouting,
    /// Packets for this namespace.
    Input,
    /// Packets that are routed through.
    Forward,
    /// Packets that this namespace sends.
    Output,
    /// Every packet that leaves, after routing.
    Postrouting,
    /// Every packet that a device sends, last of all.
    Egress,
}

impl Hook {
    const ALL: [Self; 7] = [
        Self::Ingress,
        Self::Prerouting,
        Self::Input,
        Self::Forward,
        Self::Output,
        Self::Postrouting,
        Self::Egress,
    ];

    /// As nft writes it: `prerouting`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Prerouting => "prerouting",
            Self::Input => "input",
            Self::Forward => "forward",
            Self::Output => "output",
            Self::Postrouting => "postrouting",
            Self::Egress => "egress",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }

    /// Name of iptables' built-in chain there.
    pub(super) fn iptables(self) -> String {
        self.name().to_ascii_uppercase()
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Conntrack's own priority where packets enter (`NF_IP_PRI_CONNTRACK`): chains before
/// it see no connection.
pub(super) const CONNTRACK: i32 = -200;

/// Priority of an iptables table at a hook.
///
/// Relied on: `nf_ip_hook_priorities` (`linux/netfilter_ipv4.h`); `iptable_nat.c`, whose
/// chains for sources are at 100.
pub(super) fn of_table(table: &str, hook: Hook) -> Option<i32> {
    Some(match table {
        "raw" => -300,
        "mangle" => -150,
        "nat" if matches!(hook, Hook::Prerouting | Hook::Output) => -100,
        "filter" => 0,
        "security" => 50,
        "nat" => 100,
        _ => return None,
    })
}

/// Whether chains of that family see an IP packet at the routed hooks.
pub(super) fn sees(family: Family, v6: bool) -> bool {
    match family {
        Family::Inet => true,
        Family::Ip => !v6,
        Family::Ip6 => v6,
        Family::Bridge | Family::Netdev | Family::Arp => false,
    }
}
