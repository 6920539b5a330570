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
    for namespace in &topology.namespaces {
        // Writing to a String cannot fail.
        let _ = write!(out, "{}", cluster(namespace));
    }
    for namespace in &topology.namespaces {
        for device in &namespace.devices {
            let at = namespace.at(device);
            match device.kind {
                DeviceKind::Veth { peer: Some(peer) } if at < peer => {
                    if topology.device(peer).is_some() {
                        let _ = writeln!(out, "  {} -- {} [style=bold];", id(at), id(peer));
                    }
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

fn cluster(namespace: &Namespace) -> String {
    let shown: Vec<_> = (namespace.devices.iter())
        .filter(|d| d.kind != DeviceKind::Loopback)
        .collect();
    if shown.is_empty() || namespace.kind == NamespaceKind::Other {
        return String::new();
    }
    let mut out = format!(
        "  subgraph cluster_{} {{\n    label={};\n",
        namespace.inode,
        quote(&namespace.name)
    );
    for device in shown {
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
