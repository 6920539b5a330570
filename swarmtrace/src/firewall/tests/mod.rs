//! Rules as the programs list them, and packets through them.

mod fast;
mod kernel;
mod native;
mod quoting;
mod xtables;

use super::iptables::Ruleset;
use super::{Backend, Fate, Firewall, Hook, Packet, nft};
use crate::sys::protocol::Protocol;
use serde_json::{Value, json};

/// A packet to port 8080, as the node's card takes it in.
fn packet() -> Packet {
    Packet {
        input: Some("eth0".into()),
        output: Some("docker_gwbridge".into()),
        source: "203.0.113.7".parse().ok(),
        destination: "172.18.0.2".parse().ok(),
        protocol: Protocol::Tcp.into(),
        source_port: Some(40000),
        destination_port: Some(8080),
        ..Packet::default()
    }
}

fn iptables(backend: Backend, text: &str) -> Firewall {
    Firewall {
        sets: vec![(backend, Ruleset::parse(text))],
        ..Firewall::default()
    }
}

/// Objects as `nft -j list ruleset` has them, with the text that nft lists.
fn native(objects: &[Value], listing: &str) -> Firewall {
    let json = json!({"nftables": objects}).to_string();
    Firewall {
        nft: nft::Ruleset::parse(&json, listing, |_, _, _| false).unwrap(),
        ..Firewall::default()
    }
}

/// A base chain of `inet fw` at that hook with the policy to accept, and its rules.
fn chain(hook: &str, rules: &[Value]) -> Vec<Value> {
    let mut all = vec![json!({"chain": {
        "family": "inet", "table": "fw", "name": "base", "handle": 1, "type": "filter",
        "hook": hook, "prio": 0, "policy": "accept"
    }})];
    all.extend(rules.iter().enumerate().map(|(at, statements)| {
        json!({"rule": {
            "family": "inet", "table": "fw", "chain": "base", "handle": at + 2,
            "expr": statements
        }})
    }));
    all
}

fn matches(left: Value, op: &str, right: Value) -> Value {
    json!({"match": {"op": op, "left": left, "right": right}})
}

fn fates(firewall: &Firewall, hook: Hook, packet: &Packet) -> Vec<Fate> {
    let found = firewall.traverse(hook, packet);
    found.endings.into_iter().map(|e| e.fate).collect()
}
