//! Kernel modules that Docker loads when it needs them: one that is needed and not
//! loaded could not be loaded.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::failure::{KERNEL_MODULE_MISSING, Location, ReadFrom};
use crate::firewall::iptables::{Asks, Rule, Target};

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let Some(modules) = &examined.facts.modules else {
        return Vec::new();
    };
    let must_balance = topology.load_balancers().next().is_some()
        && (topology.services.iter()).any(|s| {
            (s.vips.iter()).any(|v| topology.backends(&s.name, &v.network).next().is_some())
        });
    let encrypted = topology.overlays().any(|(_, _, n)| n.encrypted);
    // What works is there, under whatever name.
    let balances = topology.load_balancers().any(|(n, _)| !n.ipvs.is_empty());
    let rule = |says: &dyn Fn(&Rule) -> bool| {
        topology.load_balancers().any(|(n, _)| {
            let rules = examined.rules(n);
            rules.is_some_and(|r| r.all("mangle").chain(r.all("nat")).any(|(_, r)| says(r)))
        })
    };
    let marks = rule(&|r| matches!(r.target, Some(Target::Mark(..))));
    let asks_ipvs = rule(&|r| r.matches.iter().any(|m| m.asks == Asks::Ipvs));
    let encrypts = (examined.facts.xfrm.as_ref()).is_some_and(|x| !x.associations.is_empty());
    let needed = [
        (
            must_balance && !balances,
            "ip_vs",
            "virtual addresses and published ports are not balanced at all",
        ),
        (
            must_balance && !balances,
            "ip_vs_rr",
            "IPVS does not have the scheduler that Docker requests",
        ),
        (
            must_balance && !asks_ipvs,
            "xt_ipvs",
            "the load balancers' SNAT rule cannot be written",
        ),
        (
            must_balance && !marks,
            "xt_mark",
            "packets cannot be marked for IPVS",
        ),
        (
            encrypted && !encrypts,
            "esp4",
            "encrypted overlays cannot encrypt",
        ),
    ];
    (needed.into_iter())
        .filter(|(needed, name, _)| *needed && modules.has(name) == Some(false))
        .map(|(_, name, why)| {
            Finding::proven(
                &KERNEL_MODULE_MISSING,
                Severity::Broken,
                ReadFrom::Modules,
                format!("the kernel module {name} is not loaded"),
                Location::namespace("host"),
            )
            .why(format!("Without it {why}."))
            .confirm(format!("sudo modprobe -n -v {name}"))
            .fix(format!(
                "sudo modprobe {name}, then restart dockerd. Where there is no such module, \
                 install the kernel's package with extra modules or another kernel."
            ))
        })
        .collect()
}
