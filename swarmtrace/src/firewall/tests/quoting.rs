//! How a rule is quoted, and the commands that list and remove it.

use super::{iptables, packet};
use crate::firewall::{Backend, Family, Hook, Quote};

#[test]
fn a_rule_is_quoted_for_its_own_tool() {
    let quote = Quote {
        backend: Backend::Native,
        family: Family::Inet,
        table: "fw".into(),
        chain: "input".into(),
        handle: Some(7),
        rule: "tcp dport 8080 drop".into(),
        is_policy: false,
        packets: None,
    };
    assert_eq!(
        quote.to_string(),
        "inet fw input: tcp dport 8080 drop # handle 7"
    );
    assert_eq!(quote.list(), "nft -a list chain inet fw input");
    assert_eq!(
        quote.remove().as_deref(),
        Some("nft delete rule inet fw input handle 7")
    );
    let policy = Quote {
        rule: "drop".into(),
        is_policy: true,
        ..quote.clone()
    };
    assert_eq!(
        policy.to_string(),
        "policy drop of chain input in table inet fw"
    );
    assert_eq!(policy.remove(), None);
    let v6 = Quote {
        backend: Backend::Nft,
        family: Family::Ip6,
        table: "filter".into(),
        chain: "INPUT".into(),
        rule: "-A INPUT -p tcp -j DROP".into(),
        ..quote
    };
    assert_eq!(v6.list(), "ip6tables -S INPUT");
    assert_eq!(
        v6.remove().as_deref(),
        Some("ip6tables -D INPUT -p tcp -j DROP")
    );
    let written = serde_json::to_string(&v6).unwrap();
    assert_eq!(serde_json::from_str::<Quote>(&written).unwrap(), v6);
}

#[test]
fn a_rule_that_counted_nothing_has_dropped_nothing() {
    for (counter, counted) in [
        ("[0:0] ", Some(false)),
        ("[4:160] ", Some(true)),
        ("", None),
    ] {
        let rules = format!(
            "*filter\n:FORWARD ACCEPT [0:0]\n{counter}-A FORWARD -o docker_gwbridge -j DROP\n"
        );
        let found = iptables(Backend::Legacy, &rules).traverse(Hook::Forward, &packet());
        assert_eq!(found.dropped().unwrap().counted, counted);
    }
}
