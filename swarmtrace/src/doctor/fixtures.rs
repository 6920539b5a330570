//! Real Swarms' facts for tests: the dumps under `tests/fixtures`, as
//! [`super::Facts::read`] would have returned them.

use super::facts::{Listener, NamespaceFacts, Route};
use super::{Examined, Facts};
use crate::firewall::iptables::Ruleset;
use crate::firewall::{Backend, Firewall};
use crate::sys::protocol::Protocol;
use crate::topology::fixtures;
use std::net::IpAddr;

/// That node, healthy.
pub fn examined(name: &str) -> Examined {
    let topology = fixtures::topology(name);
    let mut facts = Facts::default();
    for namespace in &topology.namespaces {
        let folder = match namespace.inode == topology.host_namespace {
            true => "host".to_owned(),
            false => namespace
                .path
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned(),
        };
        let folder = fixtures::node(name).join(folder);
        let Ok(text) = std::fs::read_to_string(folder.join("rules")) else {
            continue;
        };
        let sysctls = std::fs::read_to_string(folder.join("sysctl")).unwrap();
        facts.namespaces.insert(
            namespace.inode,
            NamespaceFacts {
                sysctls: (sysctls.lines())
                    .filter_map(|line| line.split_once(' '))
                    .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                    .collect(),
                rules: Some(Firewall {
                    sets: vec![(Backend::Nft, Ruleset::parse(&text))],
                    ..Firewall::default()
                }),
            },
        );
    }
    let own = topology.nodes.iter().find(|n| n.local).unwrap().addresses[0];
    let other = match own == address("192.168.90.1") {
        true => address("192.168.90.2"),
        false => address("192.168.90.1"),
    };
    facts.routes.push(Route {
        to: other,
        source: Some(own),
    });
    facts.listeners = Some(vec![
        listener(Protocol::Tcp, 8080, Some("dockerd")),
        listener(Protocol::Udp, 4789, None),
        listener(Protocol::Udp, 7946, Some("dockerd")),
    ]);
    Examined { topology, facts }
}

/// A listening socket.
pub fn listener(protocol: Protocol, port: u16, process: Option<&str>) -> Listener {
    Listener {
        protocol,
        port,
        process: process.map(|name| (name.to_owned(), 314)),
    }
}

/// An address.
pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
