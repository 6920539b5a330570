//! Ways to break a Swarm that was read while it was whole.

use crate::doctor::Examined;
use crate::doctor::facts::{Association, Xfrm};
use crate::doctor::fixtures::address;
use crate::firewall::iptables::Ruleset;
use crate::topology::{Mac, Namespace, Neighbour};

pub fn namespace<'a>(examined: &'a mut Examined, name: &str) -> &'a mut Namespace {
    let mut all = examined.topology.namespaces.iter_mut();
    all.find(|n| n.name == name || n.path.ends_with(name))
        .unwrap()
}

/// Changes the rules of a namespace, as text by text.
pub fn rules(examined: &mut Examined, name: &str, change: impl Fn(&str) -> Option<String>) {
    let inode = namespace(examined, name).inode;
    let facts = examined.facts.namespaces.get_mut(&inode).unwrap();
    for (_, set) in &mut facts.rules.as_mut().unwrap().sets {
        *set = Ruleset::parse(&change(&written(set)).unwrap());
    }
}

fn written(set: &Ruleset) -> String {
    let mut out = String::new();
    for (name, table) in &set.tables {
        out += &format!("*{name}\n");
        for (chain, is) in table {
            out += &format!(
                ":{chain} {} [0:0]\n",
                is.policy.map_or("-", |policy| policy.name())
            );
        }
        for rule in table.values().flat_map(|c| &c.rules) {
            out += &format!("{}\n", rule.text);
        }
    }
    out
}

/// Removes the rules that contain that text; there must be some.
pub fn remove(examined: &mut Examined, name: &str, text: &str) {
    rules(examined, name, |all| {
        let kept: Vec<&str> = all.lines().filter(|l| !l.contains(text)).collect();
        assert!(kept.len() < all.lines().count(), "no rule with {text}");
        Some(kept.join("\n"))
    });
}

pub fn replace(examined: &mut Examined, name: &str, text: &str, with: &str) {
    rules(examined, name, |all| {
        assert!(all.contains(text), "no rule with {text}");
        Some(all.replace(text, with))
    });
}

/// Makes filter FORWARD of the node drop what no rule accepts.
pub fn drop_by_policy(examined: &mut Examined) {
    rules(examined, "host", |all| {
        // The tables are written in the order of their names.
        Some(all.replacen(":FORWARD ACCEPT", ":FORWARD DROP", 1))
    });
}

pub fn set(examined: &mut Examined, name: &str, sysctl: &str, value: &str) {
    let inode = namespace(examined, name).inode;
    let facts = examined.facts.namespaces.get_mut(&inode).unwrap();
    facts.sysctls.insert(sysctl.into(), value.into());
}

pub fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

pub fn neighbour_of<'a>(examined: &'a mut Examined, of: &str) -> &'a mut Neighbour {
    let mut all = (examined.topology.namespaces.iter_mut()).flat_map(|n| &mut n.neighbours);
    all.find(|n| n.address == address(of)).unwrap()
}

/// Only the kernel knows other nodes' load balancers: without its entries the
/// snapshot would not have them.
pub fn forget(examined: &mut Examined, endpoint: &str) {
    for network in &mut examined.topology.networks {
        network.endpoints.retain(|e| e.address != address(endpoint));
    }
}

/// As if overlay1 were encrypted, and well.
pub fn encrypt(examined: &mut Examined) {
    let networks = examined.topology.networks.iter_mut();
    for network in networks.filter(|n| n.name == "overlay1") {
        network.encrypted = true;
    }
    for namespace in &mut examined.topology.namespaces {
        for device in namespace.devices.iter_mut().filter(|d| d.mtu == 1450) {
            device.mtu = 1424;
        }
    }
    replace(
        examined,
        "host",
        "*mangle\n",
        "*mangle\n-A OUTPUT -p udp -m udp --dport 4789 -m u32 --u32 \"0x0=0x1\" -j MARK --set-xmark 0xd0c4e3/0xffffffff\n",
    );
    rules(examined, "host", |all| {
        let cleartext = "-A INPUT -p udp -m policy --dir in --pol none -m udp --dport 4789 -m u32 \
                         --u32 \"0x0>>0x16&0x3c@0xc&0xffffff00=0x100200\" -j DROP\n";
        Some(all.replacen("*filter\n", &format!("*filter\n{cleartext}"), 1))
    });
    let (own, other) = (address("192.168.90.1"), address("192.168.90.2"));
    let one = |source, destination| Association {
        source,
        destination,
    };
    examined.facts.xfrm = Some(Xfrm {
        associations: vec![one(own, other), one(other, own)],
        policies: vec![other],
    });
}
