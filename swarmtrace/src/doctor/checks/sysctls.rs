//! Settings that Docker makes in each load balancer, and one that it needs on
//! the node.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{
    Failure, HAIRPIN_WITHOUT_BR_NETFILTER, IPVS_CONN_REUSE, IPVS_SETTING, Location, ReadFrom,
    SNAT_MISSING,
};

/// A setting that Docker makes in each load balancer's namespace.
struct Setting {
    name: &'static str,
    value: &'static str,
    /// The failure, and how bad it is, where the value is another.
    failure: &'static Failure,
    severity: Severity,
    why: &'static str,
}

const IN_BALANCERS: [Setting; 4] = [
    Setting {
        name: "net.ipv4.vs.conntrack",
        value: "1",
        failure: &SNAT_MISSING,
        severity: Severity::Broken,
        why: "Without it the SNAT rule for balanced connections does not apply: replies bypass \
              the load balancer.",
    },
    Setting {
        name: "net.ipv4.vs.conn_reuse_mode",
        value: "0",
        failure: &IPVS_CONN_REUSE,
        severity: Severity::Risky,
        why: "With another value a client that reuses a port is, on many kernels, answered a \
              second late: its first SYN is dropped.",
    },
    Setting {
        name: "net.ipv4.vs.expire_nodest_conn",
        value: "1",
        failure: &IPVS_SETTING,
        severity: Severity::Risky,
        why: "Connections whose task is gone linger: packets to it vanish instead of being \
              answered.",
    },
    Setting {
        name: "net.ipv4.vs.expire_quiescent_template",
        value: "1",
        failure: &IPVS_SETTING,
        severity: Severity::Risky,
        why: "Clients may stick to a task that is gone.",
    },
];

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (sandbox, network) in topology.load_balancers() {
        if sandbox.ipvs.is_empty() {
            continue;
        }
        for setting in IN_BALANCERS {
            let (name, value) = (setting.name, setting.value);
            let Some(is) = examined.sysctl(sandbox, name).filter(|is| *is != value) else {
                continue;
            };
            // Direct server return has no SNAT.
            if network.dsr && name == "net.ipv4.vs.conntrack" {
                continue;
            }
            found.push(
                Finding::proven(
                    setting.failure,
                    setting.severity,
                    ReadFrom::Settings,
                    format!("{name} is {is} instead of {value} in {}", sandbox.name),
                    Location::namespace(&sandbox.name).network(&network.name),
                )
                .why(setting.why)
                .confirm(command(sandbox, &format!("sysctl {name}")))
                .fix(command(sandbox, &format!("sysctl -w {name}={value}"))),
            );
        }
    }
    found.extend(bridge(examined));
    found
}

/// A finding if bridged packets skip iptables: the answer to a container that
/// dials a port published on its own node is then switched back under the wrong
/// address.
fn bridge(examined: &Examined) -> Option<Finding> {
    let topology = &examined.topology;
    let host = topology.host()?;
    // Only where the namespace's settings were read.
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
    Some(
        Finding::proven(
            &HAIRPIN_WITHOUT_BR_NETFILTER,
            Severity::Risky,
            ReadFrom::Settings,
            what,
            Location::namespace("host"),
        )
        .why(
            "Containers of this node that connect to a port published on this node get an \
              answer from the wrong address, and reset it.",
        )
        .confirm(format!("sysctl {name}"))
        .fix(format!(
            "sudo modprobe br_netfilter && sudo sysctl -w {name}=1"
        )),
    )
}
