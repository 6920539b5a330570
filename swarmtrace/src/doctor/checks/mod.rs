//! The checks: a file each, or one for a few that ask the same.

mod backends;
mod duplicates;
mod encryption;
mod firewall;
mod forward;
mod forwarding;
mod ipvs;
mod marks;
mod mesh_dnat;
mod modules;
mod mtu;
mod neighbours;
mod offload;
mod ports;
mod sandboxes;
mod snat;
mod sysctls;
mod task_rules;
#[cfg(test)]
mod tests;
mod vtep;

use super::facts::walk::Ending;
use super::{Check, Finding, Id, Need, Place, Severity};

/// Every check. A new one is a new file and a line here.
pub const ALL: &[Check] = &[
    Check {
        name: "sandboxes",
        subject: "load balancers' namespaces and their attachment",
        needs: &[Need::Docker],
        run: sandboxes::check,
    },
    Check {
        name: "mesh-dnat",
        subject: "DOCKER-INGRESS: DNAT of published ports",
        needs: &[Need::Docker, Need::Rules],
        run: mesh_dnat::check,
    },
    Check {
        name: "forward",
        subject: "FORWARD rules for published ports",
        needs: &[Need::Docker, Need::Rules],
        run: forward::check,
    },
    Check {
        name: "marks",
        subject: "firewall marks of published ports and virtual addresses",
        needs: &[Need::Docker, Need::Rules],
        run: marks::check,
    },
    Check {
        name: "ipvs",
        subject: "IPVS destinations against running tasks",
        needs: &[Need::Docker],
        run: ipvs::check,
    },
    Check {
        name: "snat",
        subject: "load balancers' SNAT rule",
        needs: &[Need::Docker, Need::Rules],
        run: snat::check,
    },
    Check {
        name: "neighbours",
        subject: "overlays' neighbour and forwarding entries",
        needs: &[Need::Docker],
        run: neighbours::check,
    },
    Check {
        name: "vtep",
        subject: "source address, port and route of the data path",
        needs: &[Need::Docker, Need::Routes],
        run: vtep::check,
    },
    Check {
        name: "task-rules",
        subject: "REDIRECT and ingress filter in local tasks",
        needs: &[Need::Docker, Need::Rules],
        run: task_rules::check,
    },
    Check {
        name: "duplicates",
        subject: "duplicate addresses",
        needs: &[Need::Docker],
        run: duplicates::check,
    },
    Check {
        name: "forwarding",
        subject: "IP forwarding",
        needs: &[Need::Sysctls],
        run: forwarding::check,
    },
    Check {
        name: "node-ports",
        subject: "firewall on the Swarm's own ports",
        needs: &[Need::Docker, Need::Rules],
        run: firewall::check,
    },
    Check {
        name: "encryption",
        subject: "encryption of overlays",
        needs: &[Need::Docker, Need::Rules, Need::Encryption],
        run: encryption::check,
    },
    Check {
        name: "port-conflicts",
        subject: "processes on published ports and the data-path port",
        needs: &[Need::Docker, Need::Sockets],
        run: ports::check,
    },
    Check {
        name: "mtu",
        subject: "MTUs of overlays and the network below",
        needs: &[],
        run: mtu::check,
    },
    Check {
        name: "offload",
        subject: "checksum offload known to break VXLAN",
        needs: &[Need::Nics],
        run: offload::check,
    },
    Check {
        name: "sysctls",
        subject: "IPVS and bridge settings",
        needs: &[Need::Sysctls],
        run: sysctls::check,
    },
    Check {
        name: "modules",
        subject: "kernel modules",
        needs: &[Need::Docker, Need::Modules],
        run: modules::check,
    },
    Check {
        name: "iptables-backends",
        subject: "mixture of iptables-legacy and iptables-nft",
        needs: &[Need::Rules],
        run: backends::check,
    },
];

/// Rules that ask what is not known here: they may do this to some packets.
fn doubtful(what: String, place: Place, ending: &Ending, confirm: &str) -> Finding {
    Finding {
        why: format!(
            "It was not examined which packets this rule applies to: {}",
            ending.by
        ),
        confirm: confirm.to_owned(),
        fix: "If clients have trouble, see whether the rule is meant for them.".to_owned(),
        ..finding(Id::RuleNotFollowed, Severity::Note, what, place)
    }
}

/// A finding; [`Finding::check`] is the table's business.
fn finding(id: Id, severity: Severity, what: String, place: Place) -> Finding {
    Finding {
        id,
        severity,
        check: "",
        what,
        place,
        why: String::new(),
        issues: &[],
        confirm: String::new(),
        fix: String::new(),
    }
}
