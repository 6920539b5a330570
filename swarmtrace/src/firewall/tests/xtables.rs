//! iptables' rules at a hook, of both backends.

use super::{chain, fates, iptables, native, packet};
use crate::firewall::iptables::Ruleset;
use crate::firewall::{Backend, Connection, Fate, Firewall, Hook, Packet, RejectWith, nft};
use crate::sys::protocol::{IpProtocol, Protocol};
use serde_json::json;

fn input(rules: &str) -> Firewall {
    iptables(
        Backend::Nft,
        &format!("*filter\n:INPUT ACCEPT [0:0]\n{rules}\n"),
    )
}

fn local() -> Packet {
    Packet {
        output: None,
        destination_local: true,
        ..packet()
    }
}

#[test]
fn an_accept_does_not_keep_from_later_chains_but_a_drop_does() {
    let mut firewall = iptables(
        Backend::Nft,
        "*raw\n:PREROUTING ACCEPT [0:0]\n*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j ACCEPT\n",
    );
    assert_eq!(fates(&firewall, Hook::Forward, &packet()), [Fate::Accept]);
    firewall.nft = native(&chain("forward", &[json!([{"drop": null}])]), "").nft;
    assert_eq!(fates(&firewall, Hook::Forward, &packet()), [Fate::Drop]);
    let legacy = "*mangle\n:FORWARD ACCEPT [0:0]\n[3:9] -A FORWARD -p tcp -j REJECT --reject-with tcp-reset\n";
    firewall
        .sets
        .push((Backend::Legacy, Ruleset::parse(legacy)));
    let found = firewall.traverse(Hook::Forward, &packet());
    let ending = found.dropped().unwrap();
    assert_eq!(ending.fate, Fate::Reject(RejectWith::TcpReset));
    let quote = ending.by.quote().unwrap();
    assert_eq!(quote.list(), "iptables-legacy -t mangle -S FORWARD");
    assert_eq!(ending.counted, Some(true));
}

#[test]
fn matches_that_docker_and_others_write() {
    let reject = |code| Fate::Reject(RejectWith::Icmp { kind: 3, code });
    let ping = Packet {
        protocol: IpProtocol::ICMP,
        icmp: Some((8, 0)),
        ..local()
    };
    let vxlan = Packet {
        protocol: Protocol::Udp.into(),
        destination_port: Some(4789),
        vni: Some(4097),
        ipsec: Some(false),
        ..local()
    };
    let clear = "-A INPUT -p udp -m udp --dport 4789 -m u32 --u32 \
                 \"0x0>>0x16&0x3c@0xc&0xffffff00=0x100100\" -m policy --dir in --pol none -j DROP";
    let both = vec![Fate::Drop, Fate::Accept];
    for (rules, packet, wanted) in [
        (
            "-A INPUT -p icmp -m icmp --icmp-type 8 -j REJECT --reject-with icmp-host-prohibited",
            ping.clone(),
            vec![reject(10)],
        ),
        (
            "-A INPUT -p icmp -m icmp --icmp-type 3/4 -j DROP",
            ping,
            vec![Fate::Accept],
        ),
        (
            "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m multiport --dports 1,2:5,8080 -j NFQUEUE --queue-num 3",
            local(),
            vec![Fate::Queue],
        ),
        (
            "-A INPUT -m conntrack --ctstate INVALID,UNTRACKED -j DROP",
            Packet {
                connection: Connection::Untracked,
                ..local()
            },
            vec![Fate::Drop],
        ),
        (
            "-A INPUT -m conntrack --ctstate NEW -j DROP",
            Packet {
                connection: Connection::Unknown,
                ..local()
            },
            both.clone(),
        ),
        (
            "-A INPUT -m length --length 1400:65535 -j DROP",
            Packet {
                length: Some(1500),
                ..local()
            },
            vec![Fate::Drop],
        ),
        (
            "-A INPUT -m length --length 1400:65535 -j DROP",
            local(),
            both.clone(),
        ),
        (
            "-A INPUT -m physdev --physdev-in veth0 -j DROP",
            local(),
            both.clone(),
        ),
        (
            "-A INPUT -m connmark --mark 0x1 -j DROP",
            local(),
            both.clone(),
        ),
        (
            "-A INPUT -p tcp -j TPROXY --on-port 3128",
            local(),
            vec![Fate::Unknown],
        ),
        ("-A INPUT -p tcp -j REJECT", local(), vec![reject(3)]),
        (clear, vxlan.clone(), vec![Fate::Drop]),
        (
            clear,
            Packet {
                vni: Some(4098),
                ..vxlan.clone()
            },
            vec![Fate::Accept],
        ),
        (
            clear,
            Packet {
                ipsec: Some(true),
                ..vxlan.clone()
            },
            vec![Fate::Accept],
        ),
        (clear, Packet { vni: None, ..vxlan }, both),
    ] {
        assert_eq!(
            fates(&input(rules), Hook::Input, &packet),
            wanted,
            "{rules}"
        );
    }
}

#[test]
fn an_untracked_packet_is_neither_rewritten_nor_new() {
    let rules = "*raw\n:PREROUTING ACCEPT [0:0]\n\
                 -A PREROUTING -p tcp -m tcp --dport 8080 -j CT --notrack\n\
                 *nat\n:PREROUTING ACCEPT [0:0]\n\
                 -A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.1:80\n\
                 *mangle\n:PREROUTING ACCEPT [0:0]\n\
                 -A PREROUTING -m conntrack --ctstate NEW -j DROP\n";
    let firewall = iptables(Backend::Nft, rules);
    let found = firewall.traverse(Hook::Prerouting, &packet());
    assert_eq!(found.certain().unwrap().fate, Fate::Accept);
    assert_eq!(found.notrack.len(), 1);
    let firewall = iptables(Backend::Nft, &rules.replace("*mangle", "*other"));
    let other = Packet {
        destination_port: Some(9),
        ..packet()
    };
    let to = Fate::Dnat("10.0.0.1".parse().ok(), Some(80));
    assert_eq!(fates(&firewall, Hook::Prerouting, &other), [to]);
    let later = Packet {
        connection: Connection::Established,
        ..other
    };
    assert_eq!(fates(&firewall, Hook::Prerouting, &later), [Fate::Accept]);
}

#[test]
fn later_chains_see_the_rewritten_packet() {
    let mut firewall = iptables(
        Backend::Nft,
        "*nat\n:PREROUTING ACCEPT [0:0]\n\
         -A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.1:80\n",
    );
    let port = json!({"payload": {"protocol": "tcp", "field": "dport"}});
    let rule = json!([super::matches(port, "==", json!(80)), {"drop": null}]);
    firewall.nft = native(&chain("prerouting", &[rule]), "").nft;
    assert_eq!(fates(&firewall, Hook::Prerouting, &packet()), [Fate::Drop]);
}

#[test]
fn a_table_of_nft_with_iptables_name_is_walked_as_nfts() {
    let chain = |table: &str, name: &str| {
        json!({"chain": {"family": "ip", "table": table, "name": name, "type": "filter",
            "hook": "forward", "prio": 0, "policy": "drop"}})
    };
    let json = json!({"nftables": [chain("filter", "FORWARD"), chain("filter", "mine"),
        chain("mangle", "FORWARD")]})
    .to_string();
    // iptables-nft-save listed filter, and said of mangle that it is incompatible.
    let set = Ruleset::parse(
        "# Table `mangle' is incompatible, use 'nft' tool.\n*filter\n:FORWARD ACCEPT [0:0]\n",
    );
    let listed = |_, table: &str, chain: &str| set.chain(table, chain).is_some();
    let nft = nft::Ruleset::parse(&json, "", listed).unwrap();
    let bases = nft
        .tables
        .iter()
        .flat_map(|t| t.chains.values().map(move |c| (t, c)));
    let bases: Vec<_> = bases
        .filter(|(_, chain)| chain.base.is_some())
        .map(|(table, chain)| (table.name.as_str(), chain.name.as_str()))
        .collect();
    assert_eq!(bases, [("filter", "mine"), ("mangle", "FORWARD")]);
}

#[test]
fn ip6_packets_pass_ip6tables() {
    let rules = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s fd00::/8 -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j DROP\n-A INPUT -p tcp -j REJECT\n";
    let firewall = Firewall {
        sets6: vec![(Backend::Nft, Ruleset::parse(rules))],
        ..Firewall::default()
    };
    let mut packet = Packet {
        source: "fd00::7".parse().ok(),
        destination: "fd00::2".parse().ok(),
        protocol: IpProtocol::ICMPV6,
        icmp: Some((136, 0)),
        ..local()
    };
    assert_eq!(fates(&firewall, Hook::Input, &packet), [Fate::Drop]);
    packet.icmp = Some((135, 0));
    assert_eq!(fates(&firewall, Hook::Input, &packet), [Fate::Accept]);
    packet.protocol = Protocol::Tcp.into();
    let with = RejectWith::Icmp { kind: 1, code: 4 };
    assert_eq!(fates(&firewall, Hook::Input, &packet), [Fate::Reject(with)]);
    assert_eq!(fates(&firewall, Hook::Input, &local()), [Fate::Accept]);
}
