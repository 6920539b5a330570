//! nftables' own tables.

use super::{chain, fates, matches, native, packet};
use crate::firewall::{Backend, Family};
use crate::firewall::{Connection, Fate, Firewall, Hook, Packet, RejectWith, Unread};
use crate::sys::protocol::{IpProtocol, Protocol};
use serde_json::{Value, json};

fn payload(protocol: &str, field: &str) -> Value {
    json!({"payload": {"protocol": protocol, "field": field}})
}

fn drop_if(condition: Value) -> Firewall {
    native(&chain("forward", &[json!([condition, {"drop": null}])]), "")
}

fn dropped(condition: Value, packet: &Packet) -> Vec<Fate> {
    fates(&drop_if(condition), Hook::Forward, packet)
}

#[test]
fn firewallds_reject_is_three_jumps_down() {
    let jump = |chain: &str, to: &str, handle: u64| {
        json!({"rule": {"family": "inet", "table": "firewalld", "chain": chain,
            "handle": handle, "expr": [{"jump": {"target": to}}]}})
    };
    let chain = |name: &str| json!({"chain": {"family": "inet", "table": "firewalld", "name": name, "handle": 1}});
    let objects = [
        json!({"chain": {"family": "inet", "table": "firewalld", "name": "filter_FORWARD",
            "handle": 5, "type": "filter", "hook": "forward", "prio": 10, "policy": "accept"}}),
        chain("filter_FORWARD_POLICIES"),
        chain("filter_FWD_public"),
        chain("filter_FWD_public_deny"),
        json!({"rule": {"family": "inet", "table": "firewalld", "chain": "filter_FORWARD",
            "handle": 9, "expr": [
            {"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [
                ["established", {"accept": null}], ["related", {"accept": null}],
                ["invalid", {"drop": null}]]}}}]}}),
        jump("filter_FORWARD", "filter_FORWARD_POLICIES", 10),
        jump("filter_FORWARD_POLICIES", "filter_FWD_public", 11),
        jump("filter_FWD_public", "filter_FWD_public_deny", 12),
        json!({"rule": {"family": "inet", "table": "firewalld",
            "chain": "filter_FWD_public_deny", "handle": 13, "expr": [
            {"counter": {"packets": 4, "bytes": 240}},
            {"reject": {"type": "icmpx", "expr": "admin-prohibited"}}]}}),
    ];
    let listing = "table inet firewalld { # handle 3\n\tchain filter_FWD_public_deny { # handle 8\n\
                   \t\tcounter reject with icmpx admin-prohibited # handle 13\n\t}\n}\n";
    let firewall = native(&objects, listing);
    let found = firewall.traverse(Hook::Forward, &packet());
    let ending = found.dropped().unwrap();
    let with = RejectWith::Icmp { kind: 3, code: 13 };
    assert_eq!(ending.fate, Fate::Reject(with));
    assert_eq!(ending.counted, Some(true));
    assert_eq!(
        ending.by.to_string(),
        "inet firewalld filter_FWD_public_deny: counter reject with icmpx admin-prohibited \
         # handle 13"
    );
    let later = Packet {
        connection: Connection::Established,
        ..packet()
    };
    assert_eq!(fates(&firewall, Hook::Forward, &later), [Fate::Accept]);
    assert_eq!(fates(&firewall, Hook::Input, &packet()), [Fate::Accept]);
}

#[test]
fn conditions_on_headers_hold_for_those_packets_only() {
    let udp = Packet {
        protocol: Protocol::Udp.into(),
        ..packet()
    };
    let v6 = Packet {
        source: "fe80::7".parse().ok(),
        destination: "fd00::2".parse().ok(),
        ..packet()
    };
    let port = matches(payload("tcp", "dport"), "==", json!(8080));
    assert_eq!(dropped(port.clone(), &packet()), [Fate::Drop]);
    // The condition on the protocol is not listed, and holds for "!=" too.
    assert_eq!(dropped(port, &udp), [Fate::Accept]);
    let other = matches(payload("tcp", "dport"), "!=", json!(22));
    assert_eq!(dropped(other.clone(), &udp), [Fate::Accept]);
    assert_eq!(dropped(other, &packet()), [Fate::Drop]);
    let either = matches(payload("th", "dport"), "==", json!({"range": [8000, 8100]}));
    assert_eq!(dropped(either, &udp), [Fate::Drop]);
    let net = json!({"prefix": {"addr": "203.0.113.0", "len": 24}});
    let from = matches(payload("ip", "saddr"), "!=", net.clone());
    assert_eq!(dropped(from.clone(), &packet()), [Fate::Accept]);
    assert_eq!(dropped(from, &v6), [Fate::Accept]);
    assert_eq!(
        dropped(matches(payload("ip", "saddr"), "==", net), &packet()),
        [Fate::Drop]
    );
    let link_local = json!({"prefix": {"addr": "fe80::", "len": 10}});
    let from = matches(payload("ip6", "saddr"), "==", link_local);
    assert_eq!(dropped(from.clone(), &v6), [Fate::Drop]);
    assert_eq!(dropped(from, &packet()), [Fate::Accept]);
    let version = matches(json!({"meta": {"key": "nfproto"}}), "==", json!("ipv6"));
    assert_eq!(dropped(version, &v6), [Fate::Drop]);
}

#[test]
fn devices_flags_marks_and_states() {
    let meta = |key: &str| json!({"meta": {"key": key}});
    let device = matches(meta("iifname"), "==", json!("eth*"));
    assert_eq!(dropped(device, &packet()), [Fate::Drop]);
    let device = matches(meta("oifname"), "!=", json!("eth0"));
    assert_eq!(dropped(device, &packet()), [Fate::Drop]);
    let syn = matches(
        json!({"&": [payload("tcp", "flags"), ["fin", "syn", "rst", "ack"]]}),
        "==",
        json!("syn"),
    );
    assert_eq!(dropped(syn.clone(), &packet()), [Fate::Drop]);
    let later = Packet {
        connection: Connection::Established,
        ..packet()
    };
    assert_eq!(dropped(syn, &later), [Fate::Drop, Fate::Accept]);
    let state = matches(
        json!({"ct": {"key": "state"}}),
        "in",
        json!(["new", "untracked"]),
    );
    assert_eq!(dropped(state.clone(), &packet()), [Fate::Drop]);
    assert_eq!(dropped(state, &later), [Fate::Accept]);
    let marks = chain(
        "forward",
        &[
            json!([{"mangle": {"key": meta("mark"), "value": {"|": [meta("mark"), 16]}}}]),
            json!([matches(json!({"&": [meta("mark"), 255]}), "==", json!(16)), {"drop": null}]),
        ],
    );
    assert_eq!(
        fates(&native(&marks, ""), Hook::Forward, &packet()),
        [Fate::Drop]
    );
    let length = matches(meta("length"), ">", json!(1400));
    let long = Packet {
        length: Some(1500),
        ..packet()
    };
    assert_eq!(dropped(length, &long), [Fate::Drop]);
    let ping = Packet {
        protocol: IpProtocol::ICMP,
        icmp: Some((8, 0)),
        ..packet()
    };
    let echo = matches(payload("icmp", "type"), "==", json!("echo-request"));
    assert_eq!(dropped(echo, &ping), [Fate::Drop]);
}

#[test]
fn sets_maps_and_verdict_maps() {
    let set = json!({"set": {"family": "inet", "name": "nets", "table": "fw", "handle": 7,
        "type": "ipv4_addr", "flags": ["interval"], "elem": [
            "1.2.3.4", {"prefix": {"addr": "10.0.0.0", "len": 8}},
            {"range": ["203.0.113.5", "203.0.113.9"]}]}});
    let map = json!({"map": {"family": "inet", "name": "cc", "table": "fw", "handle": 9,
        "type": ["ipv4_addr", "inet_service"], "map": "verdict", "elem": [
            [{"concat": ["203.0.113.7", 80]}, {"accept": null}],
            [{"concat": ["203.0.113.7", {"range": [8000, 8100]}]}, {"drop": null}]]}});
    let with = |rule: Value| {
        let mut objects = vec![set.clone(), map.clone()];
        objects.extend(chain("forward", &[rule]));
        native(&objects, "")
    };
    let known =
        with(json!([matches(payload("ip", "saddr"), "==", json!("@nets")), {"drop": null}]));
    assert_eq!(fates(&known, Hook::Forward, &packet()), [Fate::Drop]);
    let absent =
        with(json!([matches(payload("ip", "saddr"), "==", json!("@gone")), {"drop": null}]));
    let both = [Fate::Drop, Fate::Accept];
    assert_eq!(fates(&absent, Hook::Forward, &packet()), both);
    let key = json!({"concat": [payload("ip", "saddr"), payload("tcp", "dport")]});
    let mapped = with(json!([{"vmap": {"key": key, "data": "@cc"}}]));
    assert_eq!(fates(&mapped, Hook::Forward, &packet()), [Fate::Drop]);
    let anyone = Packet {
        source: None,
        ..packet()
    };
    assert_eq!(fates(&mapped, Hook::Forward, &anyone), both);
    let elsewhere = Packet {
        destination_port: Some(9),
        ..packet()
    };
    assert_eq!(fates(&mapped, Hook::Forward, &elsewhere), [Fate::Accept]);
    let to = json!({"map": {"key": payload("tcp", "dport"), "data":
        {"set": [[80, "10.0.0.1"], [8080, "10.0.0.2"]]}}});
    let dnat = with(json!([{"dnat": {"family": "ip", "addr": to}}]));
    assert_eq!(
        fates(&dnat, Hook::Forward, &packet()),
        [Fate::Dnat("10.0.0.2".parse().ok(), None)]
    );
}

#[test]
fn what_is_not_understood_is_perhaps() {
    for statement in [
        json!({"synproxy": {"mss": 1460}}),
        json!({"frobnicate": {"x": 1}}),
        json!({"xt": {"type": "target", "name": "TARPIT"}}),
    ] {
        let firewall = native(&chain("forward", &[json!([statement])]), "");
        let found = firewall.traverse(Hook::Forward, &packet());
        assert!(found.endings.iter().any(|e| e.fate == Fate::Unknown));
        assert!(found.dropped().is_none() && found.doubt().is_some());
    }
    let perhaps = [Fate::Drop, Fate::Accept];
    for condition in [
        matches(json!({"meta": {"key": "skuid"}}), "==", json!(0)),
        matches(json!({"osf": {"key": "name"}}), "==", json!("Linux")),
        matches(payload("tcp", "dport"), "==", json!({"new": "form"})),
        json!({"limit": {"rate": 5, "per": "second"}}),
        json!({"xt": {"type": "match", "name": "bpf"}}),
    ] {
        assert_eq!(dropped(condition, &packet()), perhaps);
    }
}

#[test]
fn chains_of_every_family_are_at_their_hooks() {
    let of = |family: &str, hook: &str, more: Value| {
        let mut chain = json!({"family": family, "table": "t", "name": "c", "type": "filter",
            "hook": hook, "prio": 0, "policy": "drop"});
        chain
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        native(&[json!({"chain": chain})], "")
    };
    let v6 = Packet {
        destination: "fd00::2".parse().ok(),
        ..packet()
    };
    let only6 = of("ip6", "forward", json!({}));
    assert_eq!(fates(&only6, Hook::Forward, &packet()), [Fate::Accept]);
    assert_eq!(fates(&only6, Hook::Forward, &v6), [Fate::Drop]);
    let bridge = of("bridge", "forward", json!({}));
    assert_eq!(fates(&bridge, Hook::Forward, &packet()), [Fate::Accept]);
    let found = bridge.traverse_bridge(Hook::Forward, &packet());
    let by = found.dropped().unwrap().by.to_string();
    assert_eq!(by, "policy drop of chain c in table bridge t");
    let ingress = of("netdev", "ingress", json!({"dev": "eth0"}));
    assert_eq!(fates(&ingress, Hook::Ingress, &packet()), [Fate::Drop]);
    let other = of("netdev", "ingress", json!({"dev": "eth1"}));
    assert_eq!(fates(&other, Hook::Ingress, &packet()), [Fate::Accept]);
}

#[test]
fn loops_of_jumps_end() {
    let firewall = native(
        &chain(
            "forward",
            &[
                json!([{"jump": {"target": "base"}}]),
                json!([{"jump": {"target": "base"}}]),
            ],
        ),
        "",
    );
    let found = fates(&firewall, Hook::Forward, &packet());
    assert!(found.contains(&Fate::Unknown));
}

#[test]
fn what_is_unread_makes_the_way_uncertain_but_not_a_drop() {
    let unread = Unread {
        what: Backend::Native,
        family: Family::Inet,
        why: "nft: timed out".into(),
    };
    let mut firewall = Firewall {
        unread: vec![unread],
        ..Firewall::default()
    };
    let found = firewall.traverse(Hook::Forward, &packet());
    assert!(found.certain().is_none() && found.doubt().is_none());
    firewall.nft = native(&chain("forward", &[json!([{"drop": null}])]), "").nft;
    assert!(
        firewall
            .traverse(Hook::Forward, &packet())
            .dropped()
            .is_some()
    );
}
