//! An encrypted overlay needs, for every other node on it: security
//! associations both ways, a policy, and a mangle rule that marks its packets so
//! that the policy applies.

use super::finding;
use crate::doctor::facts::iptables::Target;
use crate::doctor::{Examined, Finding, Id, Place, Severity};
use crate::topology::{NeighbourState, Network};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The mark of libnetwork's overlay driver.
const MARK: u32 = 0xD0_C4E3;
const FIX: &str = "Move the network's tasks away from this node and back, so that Docker \
                   programs the keys anew; if that fails, dockerd's log names the missing kernel \
                   part (CONFIG_INET_ESP, xt_u32 or xt_bpf).";

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    let mut peers: BTreeMap<IpAddr, BTreeSet<&str>> = BTreeMap::new();
    let mut any: Option<&Network> = None;
    for (namespace, device, network) in topology.overlays() {
        if !network.encrypted {
            continue;
        }
        any = Some(network);
        for entry in namespace.fdb.iter().filter(|e| e.ifindex == device.ifindex) {
            if entry.state == NeighbourState::Permanent && !entry.vtep.is_unspecified() {
                peers.entry(entry.vtep).or_default().insert(&network.name);
            }
        }
    }
    if let Some(xfrm) = &examined.facts.xfrm {
        for (vtep, networks) in &peers {
            let out = xfrm.associations.iter().any(|a| a.destination == *vtep);
            let back = xfrm.associations.iter().any(|a| a.source == *vtep);
            let policy = xfrm.policies.contains(vtep);
            let missing: Vec<&str> = [
                (!out).then_some("association to it"),
                (!back).then_some("association from it"),
                (!policy).then_some("policy"),
            ]
            .into_iter()
            .flatten()
            .collect();
            if missing.is_empty() {
                continue;
            }
            let node = topology.node_name_at(*vtep);
            let names: Vec<&str> = networks.iter().copied().collect();
            found.push(Finding {
                why: "What this node sends there on encrypted overlays is dropped, or arrives in \
                      clear and is dropped there."
                    .to_owned(),
                issues: &["moby#30727", "moby#37115"],
                confirm: "sudo ip xfrm state list nokeys; sudo ip xfrm policy".to_owned(),
                fix: FIX.to_owned(),
                ..finding(
                    Id::EncryptionStateMissing,
                    Severity::Broken,
                    format!("encryption with {node} lacks its {}", missing.join(", ")),
                    Place::namespace("host")
                        .network(&names.join(", "))
                        .node(&node),
                )
            });
        }
    }
    if let (Some(network), Some(host)) = (any, topology.host())
        && let Some(rules) = examined.rules(host)
        && !peers.is_empty()
        // From 29.6 on Docker may mark in a table of nftables.
        && !docker_nftables(examined, host.inode)
        && !rules.all("mangle").any(|(_, r)| matches!(r.target, Some(Target::Mark(MARK, _))))
    {
        found.push(Finding {
            why: "Without the mark the encryption policy does not apply: packets leave in clear \
                  and are dropped by the other nodes."
                .to_owned(),
            issues: &["moby#30727"],
            confirm: "sudo iptables -t mangle -S OUTPUT".to_owned(),
            fix: FIX.to_owned(),
            ..finding(
                Id::EncryptionMarkMissing,
                Severity::Broken,
                "no rule marks packets for encryption (mangle OUTPUT)".to_owned(),
                Place::namespace("host").network(&network.name),
            )
        });
    }
    found
}

fn docker_nftables(examined: &Examined, host: u32) -> bool {
    let facts = examined.facts.namespaces.get(&host);
    facts.is_some_and(|f| f.chains.iter().any(|c| c.table.contains("docker-overlay")))
}
