//! The encryption of overlays: for every other node security associations both
//! ways and a policy, and one mangle rule that marks packets so that the policy
//! applies.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::failure::{ENCRYPTION_MARK_MISSING, Location, OVERLAY_ENCRYPTION, ReadFrom};
use crate::firewall::iptables::Target;
use crate::topology::{NeighbourState, Network};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The mark of libnetwork's overlay driver.
const MARK: u32 = 0xD0_C4E3;
const FIX: &str = "Move the network's tasks away from this node and back: Docker then sets the keys \
                   again. If that fails, dockerd's log names the missing kernel part \
                   (CONFIG_INET_ESP, xt_u32 or xt_bpf).";

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
            found.push(
                Finding::proven(
                    &OVERLAY_ENCRYPTION,
                    Severity::Broken,
                    ReadFrom::Ipsec,
                    format!("encryption with {node}: {} missing", missing.join(", ")),
                    Location::namespace("host")
                        .network(&names.join(", "))
                        .node(&node),
                )
                .why(
                    "What this node sends there on encrypted overlays is dropped, or arrives in \
                      clear and is dropped there.",
                )
                .confirm("sudo ip xfrm state list nokeys")
                .confirm("sudo ip xfrm policy")
                .fix(FIX),
            );
        }
    }
    if let (Some(network), Some(host)) = (any, topology.host())
        && let Some(rules) = examined.rules(host)
        && !peers.is_empty()
        // From 29.6 on Docker may mark in a table of nftables.
        && !docker_nftables(examined, host.inode)
        && !rules.all("mangle").any(|(_, r)| matches!(r.target, Some(Target::Mark(MARK, _))))
    {
        found.push(
            Finding::proven(
                &ENCRYPTION_MARK_MISSING,
                Severity::Broken,
                ReadFrom::Ipsec,
                "no rule marks packets for encryption (mangle OUTPUT)".to_owned(),
                Location::namespace("host").network(&network.name),
            )
            .why(
                "Without the mark the encryption policy does not apply: packets leave in clear \
                  and are dropped by the other nodes.",
            )
            .confirm("sudo iptables -t mangle -S OUTPUT")
            .fix(FIX),
        );
    }
    found
}

fn docker_nftables(examined: &Examined, host: u32) -> bool {
    let facts = examined.facts.namespaces.get(&host);
    let rules = facts.and_then(|f| f.rules.as_ref());
    rules.is_some_and(|r| {
        r.nft
            .tables
            .iter()
            .any(|t| t.name.contains("docker-overlay"))
    })
}
