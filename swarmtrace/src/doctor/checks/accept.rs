//! The command that accepts packets before a rule, or a policy, which drops them.

use crate::firewall::Quote;
use crate::sys::protocol::IpProtocol;
use std::net::Ipv4Addr;

/// The packets to accept.
#[derive(Clone, Debug, Default)]
pub(super) struct Accepted<'a> {
    pub input: Option<&'a str>,
    pub output: Option<&'a str>,
    pub source: Option<Ipv4Addr>,
    pub destination: Option<Ipv4Addr>,
    pub protocol: IpProtocol,
    pub source_port: Option<u16>,
    pub destination_port: Option<u16>,
}

impl Accepted<'_> {
    /// The command of that rule's own tool, which accepts them at the start of the
    /// rule's chain.
    pub fn before(&self, rule: &Quote) -> String {
        let protocol = self.protocol;
        let mut command = match rule.iptables() {
            Some(iptables) => format!("{iptables} -I {}", rule.chain),
            None => format!("nft insert rule {}", rule.place()),
        };
        let native = rule.iptables().is_none();
        let mut add = |iptables: &str, nft: &str, value: Option<String>| {
            if let Some(value) = value {
                let option = if native { nft } else { iptables };
                command += &format!(" {option} {value}");
            }
        };
        add("-i", "iifname", self.input.map(str::to_owned));
        add("-o", "oifname", self.output.map(str::to_owned));
        add("-s", "ip saddr", self.source.map(|a| a.to_string()));
        add("-d", "ip daddr", self.destination.map(|a| a.to_string()));
        add("-p", "meta l4proto", Some(protocol.to_string()));
        add(
            "--sport",
            "th sport",
            self.source_port.map(|p| p.to_string()),
        );
        add(
            "--dport",
            "th dport",
            self.destination_port.map(|p| p.to_string()),
        );
        command + if native { " accept" } else { " -j ACCEPT" }
    }
}
