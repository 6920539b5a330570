//! A huge rule set.

use super::{fates, iptables, matches, packet};
use crate::firewall::{Backend, Fate, Firewall, Hook, nft};
use serde_json::json;
use std::time::Instant;

const RULES: u64 = 50_000;

#[test]
fn fifty_thousand_rules_are_read_and_walked() {
    let mut text = "*filter\n:FORWARD ACCEPT [0:0]\n".to_owned();
    let port = json!({"payload": {"protocol": "tcp", "field": "dport"}});
    let source = json!({"payload": {"protocol": "ip", "field": "saddr"}});
    let mut objects = super::chain("forward", &[]);
    for number in 0..RULES {
        let address = format!("10.{}.{}.7", number / 256 % 256, number % 256);
        text += &format!("[0:0] -A FORWARD -s {address}/32 -p tcp -m tcp --dport 80 -j DROP\n");
        objects.push(
            json!({"rule": {"family": "inet", "table": "fw", "chain": "base",
            "handle": number + 5, "expr": [matches(source.clone(), "==", json!(address)),
            matches(port.clone(), "==", json!(80)), {"drop": null}]}}),
        );
    }
    let begun = Instant::now();
    let firewall = iptables(Backend::Nft, &text);
    assert_eq!(fates(&firewall, Hook::Forward, &packet()), [Fate::Accept]);
    println!(
        "iptables: {RULES} rules read and walked in {:?}",
        begun.elapsed()
    );
    let json = json!({"nftables": objects}).to_string();
    let begun = Instant::now();
    let nft = nft::Ruleset::parse(&json, "", |_, _, _| false).unwrap();
    let firewall = Firewall {
        nft,
        ..Firewall::default()
    };
    assert_eq!(fates(&firewall, Hook::Forward, &packet()), [Fate::Accept]);
    println!(
        "nft: {RULES} rules read and walked in {:?}",
        begun.elapsed()
    );
    // A debug build on a busy machine takes a while.
    let limit = if cfg!(debug_assertions) { 60 } else { 1 };
    assert!(begun.elapsed().as_secs() < limit);
}
