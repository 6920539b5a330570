//! A snapshot as a Graphviz graph: a cluster for each namespace, nodes for
//! devices, edges for veth pairs, bridge ports and what a VXLAN device sends to
//! other nodes.

use crate::topology::{DeviceKind, DeviceRef, Namespace, NamespaceKind, Topology};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::IpAddr;

/// The graph's text.
pub fn render(topology: &Topology) -> String {
    let mut out = String::from(
        "graph swarm {\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n  \
         edge [fontname=\"sans-serif\", fontsize=9];\n",
    );
    let mut remote = BTreeSet::new();
    for namespace in shown(topology) {
        out.push_str(&cluster(namespace));
    }
    for namespace in shown(topology) {
        for device in &namespace.devices {
            let at = namespace.at(device);
            match device.kind {
                // Each pair once. Writing to a String cannot fail.
                DeviceKind::Veth { peer: Some(peer) }
                    if at < peer && shown(topology).any(|n| n.inode == peer.namespace) =>
                {
                    let _ = writeln!(out, "  {} -- {} [style=bold];", id(at), id(peer));
                }
                DeviceKind::Vxlan { vni, .. } => {
                    let vteps: BTreeSet<IpAddr> = (namespace.fdb.iter())
                        .filter(|e| e.ifindex == device.ifindex)
                        .map(|e| e.vtep)
                        .collect();
                    for vtep in vteps {
                        remote.insert(vtep);
                        let (from, to) = (id(at), quote(&vtep.to_string()));
                        let _ = writeln!(
                            out,
                            "  {from} -- {to} [label=\"VXLAN {vni}\", style=dashed];"
                        );
                    }
                }
                _ => {}
            }
            if let Some(master) = device.master {
                let bridge = DeviceRef {
                    ifindex: master,
                    ..at
                };
                if topology.device(bridge).is_some() {
                    let _ = writeln!(out, "  {} -- {};", id(bridge), id(at));
                }
            }
        }
    }
    for vtep in remote {
        let label = match topology.node_by_address(vtep) {
            Some(node) if !node.hostname.is_empty() => format!("{}\n{vtep}", node.hostname),
            _ => vtep.to_string(),
        };
        let (name, label) = (quote(&vtep.to_string()), quote(&label));
        let _ = writeln!(out, "  {name} [label={label}, shape=box3d];");
    }
    out.push_str("}\n");
    out
}

fn shown(topology: &Topology) -> impl Iterator<Item = &Namespace> {
    let all = topology.namespaces.iter();
    all.filter(|n| n.kind != NamespaceKind::Other)
}

fn cluster(namespace: &Namespace) -> String {
    let mut out = format!(
        "  subgraph cluster_{} {{\n    label={};\n",
        namespace.inode,
        quote(&namespace.name)
    );
    for device in &namespace.devices {
        if device.kind == DeviceKind::Loopback {
            continue;
        }
        let mut label = device.name.clone();
        if let DeviceKind::Vxlan { vni, .. } = device.kind {
            let _ = write!(label, "\nVNI {vni}");
        }
        for address in device.addresses.iter().filter(|a| a.addr().is_ipv4()) {
            let _ = write!(label, "\n{address}");
        }
        let shape = match device.kind {
            DeviceKind::Bridge => ", shape=ellipse",
            _ => "",
        };
        let (name, label) = (id(namespace.at(device)), quote(&label));
        let _ = writeln!(out, "    {name} [label={label}{shape}];");
    }
    out.push_str("  }\n");
    out
}

fn id(at: DeviceRef) -> String {
    format!("d{}_{}", at.namespace, at.ifindex)
}

/// A quoted string of the DOT language.
fn quote(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::fixtures;

    #[test]
    fn a_graph_of_a_node() {
        let text = render(&fixtures::topology("swarm/a"));
        for part in [
            "subgraph cluster_4026532339 {\n    label=\"ingress_sbox\";",
            "d4026532339_6 [label=\"eth0\\n10.0.0.2/24\\n10.0.0.4/32\"];",
            "d4026532339_6 -- d4026532459_7 [style=bold];",
            "d4026532459_2 -- d4026532459_5;",
            "d4026532459_5 -- \"192.168.90.2\" [label=\"VXLAN 4096\", style=dashed];",
            "\"192.168.90.2\" [label=\"b\\n192.168.90.2\", shape=box3d];",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert_eq!(text.matches("style=bold").count(), 8, "pairs, once each");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn names_cannot_break_out_of_their_quotes() {
        assert_eq!(quote("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
    }
}
