//! Settings that Docker makes in each load balancer, and one that it needs on
//! the node.

use super::finding;
use crate::doctor::swarm::command;
use crate::doctor::{Examined, Finding, Id, Place, Severity};

/// Setting, value, how bad another value is, why, and where it was reported.
type Wanted = (
    &'static str,
    &'static str,
    Severity,
    &'static str,
    &'static [&'static str],
);

const IN_BALANCERS: [Wanted; 4] = [
    (
        "net.ipv4.vs.conntrack",
        "1",
        Severity::Broken,
        "Without it the SNAT rule for balanced connections does not apply: replies bypass the \
         load balancer.",
        &["moby#40374"],
    ),
    (
        "net.ipv4.vs.conn_reuse_mode",
        "0",
        Severity::Risky,
        "With another value a client that uses a port again is, on many kernels, answered a \
         second late: its first SYN is dropped.",
        &["moby#35082"],
    ),
    (
        "net.ipv4.vs.expire_nodest_conn",
        "1",
        Severity::Risky,
        "Connections whose task is gone linger: packets to it vanish instead of being answered.",
        &[],
    ),
    (
        "net.ipv4.vs.expire_quiescent_template",
        "1",
        Severity::Risky,
        "Clients may stick to a task that is gone.",
        &[],
    ),
];

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (sandbox, network) in topology.load_balancers() {
        if sandbox.ipvs.is_empty() {
            continue;
        }
        for (name, value, severity, why, issues) in IN_BALANCERS {
            let Some(is) = examined.sysctl(sandbox, name).filter(|is| *is != value) else {
                continue;
            };
            // Direct server return has no SNAT.
            if network.dsr && name == "net.ipv4.vs.conntrack" {
                continue;
            }
            found.push(Finding {
                why: why.to_owned(),
                issues,
                confirm: command(sandbox, &format!("sysctl {name}")),
                fix: command(sandbox, &format!("sysctl -w {name}={value}")),
                ..finding(
                    Id::IpvsSetting,
                    severity,
                    format!("{name} is {is} instead of {value} in {}", sandbox.name),
                    Place::namespace(&sandbox.name).network(&network.name),
                )
            });
        }
    }
    found.extend(bridge(examined));
    found
}

/// Without it, what one container sends to another one's published port on the
/// same node is switched back without its addresses being restored.
fn bridge(examined: &Examined) -> Option<Finding> {
    let topology = &examined.topology;
    let host = topology.host()?;
    // Not known where the namespace's settings were not read.
    examined.sysctl(host, "net.ipv4.ip_forward")?;
    if topology.mesh_ports().is_empty() {
        return None;
    }
    let name = "net.bridge.bridge-nf-call-iptables";
    let what = match examined.sysctl(host, name) {
        Some("0") => format!("{name} is 0"),
        Some(_) => return None,
        None => "br_netfilter is not loaded".to_owned(),
    };
    Some(Finding {
        why: "Containers of this node that connect to a port published on this node get an \
              answer from the wrong address, and reset it."
            .to_owned(),
        issues: &["libnetwork#2227"],
        confirm: format!("sysctl {name}"),
        fix: format!("sudo modprobe br_netfilter && sudo sysctl -w {name}=1"),
        ..finding(
            Id::BridgeNetfilterOff,
            Severity::Risky,
            what,
            Place::namespace("host"),
        )
    })
}
