//! Kernel modules that Docker loads when it needs them. One that is absent
//! while it is needed could not be loaded.

use super::finding;
use crate::doctor::swarm;
use crate::doctor::{Examined, Finding, Place, Severity};

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let Some(modules) = &examined.facts.modules else {
        return Vec::new();
    };
    let balanced = swarm::balancers(topology).next().is_some()
        && topology.services.iter().any(|s| {
            s.vips.iter().any(|v| {
                swarm::backends(topology, &s.name, &v.network)
                    .next()
                    .is_some()
            })
        });
    let encrypted = swarm::overlays(topology).any(|(_, _, n)| n.encrypted);
    let needed = [
        (
            balanced,
            "ip_vs",
            "virtual addresses and published ports are not balanced at all",
        ),
        (
            balanced,
            "ip_vs_rr",
            "IPVS lacks the scheduler that Docker asks for",
        ),
        (
            balanced,
            "xt_ipvs",
            "the load balancers' SNAT rule cannot be written",
        ),
        (balanced, "xt_mark", "packets cannot be marked for IPVS"),
        (encrypted, "esp4", "encrypted overlays cannot encrypt"),
    ];
    (needed.into_iter())
        .filter(|(needed, name, _)| *needed && modules.has(name) == Some(false))
        .map(|(_, name, why)| Finding {
            why: format!("Without it {why}."),
            confirm: format!("sudo modprobe -n -v {name}"),
            fix: format!(
                "sudo modprobe {name}, then restart dockerd. Where there is no such module, \
                 install the kernel's package with extra modules or another kernel."
            ),
            ..finding(
                Severity::Broken,
                format!("the kernel module {name} is not loaded"),
                Place::namespace("host"),
            )
        })
        .collect()
}
