//! The walk against the kernel: rules in a namespace of their own, a real connection
//! over its loopback device, and the same fate on paper.

use crate::firewall::{Connection, Fate, Firewall, Hook, Packet, Programs};
use crate::sys::protocol::Protocol;
use needs::needs;
use nix::sched::{CloneFlags, unshare};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::Duration;
use swarmtrace_programs::required;

/// How long a dropped connection is waited for; one over loopback takes microseconds.
const PATIENCE: Duration = Duration::from_millis(300);
const PORT: u16 = 8080;

/// The tool, its rules, and whether a connection to the port is made.
const CASES: &[(&str, &str, bool)] = &[
    ("nft", "", true),
    (
        "nft",
        "chain i { type filter hook input priority 0; tcp dport 8080 drop; }",
        false,
    ),
    (
        "nft",
        "chain i { type filter hook input priority 0; udp dport 8080 drop; }",
        true,
    ),
    (
        "nft",
        "chain i { type filter hook input priority 0; policy drop; }",
        false,
    ),
    (
        "nft",
        "chain i { type filter hook input priority 0; policy drop; iifname \"l*\" accept; }",
        true,
    ),
    (
        "nft",
        "set p { type inet_service; flags interval; elements = { 80, 8000-8100 }; }; \
      chain i { type filter hook input priority 0; tcp dport @p reject with tcp reset; }",
        false,
    ),
    (
        "nft",
        "chain c { tcp flags syn / syn,ack reject; }; chain b { goto c; }; chain a { jump b; accept; }; \
      chain i { type filter hook input priority 10; ct state vmap { established : accept, new : jump a }; }",
        false,
    ),
    (
        "nft",
        "chain i { type filter hook input priority 0; ip saddr . tcp dport vmap { 127.0.0.1 . 8080 : drop }; }",
        false,
    ),
    (
        "nft",
        "chain i { type filter hook input priority 0; accept; }; \
      chain j { type filter hook input priority 1; tcp dport != 22 drop; }",
        false,
    ),
    (
        "nft",
        "chain o { type filter hook output priority -300; tcp dport 8080 notrack; }; \
      chain i { type filter hook input priority 0; ct state untracked tcp dport 8080 drop; }",
        false,
    ),
    (
        "nft",
        "chain o { type filter hook output priority 0; meta mark set 0x10 or 1; meta mark & 0xf0 == 0x10 drop; }",
        false,
    ),
    (
        "nft",
        "chain i { type filter hook input priority 0; ip6 nexthdr tcp drop; ip daddr 10.0.0.0/8 drop; }",
        true,
    ),
    (
        "iptables",
        "*filter\n-A INPUT -p tcp -m tcp --dport 8080 -j DROP\nCOMMIT\n",
        false,
    ),
    (
        "iptables",
        "*filter\n-A INPUT -p tcp -m tcp --dport 8081 -j DROP\nCOMMIT\n",
        true,
    ),
    (
        "iptables",
        "*filter\n:X -\n-A INPUT -p tcp -m tcp --syn -g X\n-A X -p tcp -m conntrack --ctstate NEW -j REJECT --reject-with tcp-reset\nCOMMIT\n",
        false,
    ),
    (
        "iptables",
        "*filter\n:INPUT DROP\n-A INPUT -i lo -p tcp -m multiport --dports 80,8000:8100 -j ACCEPT\n-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n",
        true,
    ),
    (
        "iptables",
        "*mangle\n-A OUTPUT -p tcp -j MARK --set-mark 7\nCOMMIT\n*filter\n-A OUTPUT -m mark --mark 0x7 -j DROP\nCOMMIT\n",
        false,
    ),
    (
        "iptables",
        "*raw\n-A OUTPUT -p tcp -j CT --notrack\nCOMMIT\n*filter\n-A INPUT -p tcp -m conntrack --ctstate UNTRACKED -j DROP\nCOMMIT\n",
        false,
    ),
    (
        "iptables",
        "*security\n-A INPUT -m addrtype --dst-type LOCAL -p tcp -m tcp --dport 8080 -j DROP\nCOMMIT\n",
        false,
    ),
];

#[test]
fn the_kernel_and_the_walk_agree() {
    needs!(Root, Program("nft"), Program("iptables"));
    let mut wrong = Vec::new();
    for (tool, rules, connects) in CASES {
        let (real, walked) = std::thread::scope(|scope| {
            let one = scope.spawn(|| one(tool, rules));
            one.join().expect("the thread of a case ends well")
        });
        if (real, walked) != (*connects, Some(*connects)) {
            wrong.push(format!("{rules}: connected {real}, on paper {walked:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the connection was made, and whether it is on paper.
fn one(tool: &str, rules: &str) -> (bool, Option<bool>) {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    feed("ip", &["link", "set", "lo", "up"], "");
    match tool {
        "nft" => feed(
            "nft",
            &["-f", "-"],
            &format!(
                "table inet t {{ {} }}\n",
                rules.replace("; ", "\n").replace('}', "}\n")
            ),
        ),
        _ => feed("iptables-restore", &[], rules),
    }
    let firewall = Programs::find(true).read();
    assert_eq!(firewall.unread, [], "{rules}");
    let walked = walked(&firewall);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let real = TcpStream::connect_timeout(&to, PATIENCE).is_ok();
    drop(listener);
    (real, walked)
}

/// The first packet's way over loopback; none: not certain.
fn walked(firewall: &Firewall) -> Option<bool> {
    let lo = || Some("lo".to_owned());
    let mut packet = Packet {
        output: lo(),
        source: Some(Ipv4Addr::LOCALHOST.into()),
        destination: Some(Ipv4Addr::LOCALHOST.into()),
        source_local: true,
        destination_local: true,
        protocol: Protocol::Tcp.into(),
        destination_port: Some(PORT),
        ..Packet::default()
    };
    for hook in [
        Hook::Output,
        Hook::Postrouting,
        Hook::Prerouting,
        Hook::Input,
    ] {
        if hook == Hook::Prerouting {
            (packet.input, packet.output) = (lo(), None);
        }
        let found = firewall.traverse(hook, &packet);
        if found.dropped().is_some() {
            return Some(false);
        }
        if found.certain()?.fate != Fate::Accept {
            return None;
        }
        packet.mark = found.mark;
        if !found.notrack.is_empty() {
            packet.connection = Connection::Untracked;
        }
    }
    Some(true)
}

fn feed(program: &str, arguments: &[&str], input: &str) {
    let mut child = required(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{program}: {input}");
}
