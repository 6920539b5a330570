//! The checks, a file each, and the table that lists them.

mod accept;
mod addresses;
mod backends;
mod doubtful;
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

use super::check::Check;
use super::need::Need;
use crate::failure;

/// Every check. A new one is a new file and a line here.
pub static ALL: &[Check] = &[
    Check {
        name: "sandboxes",
        subject: "load balancers' namespaces and their attachment",
        needs: &[Need::Docker],
        finds: &[
            &failure::INGRESS_SANDBOX_GONE,
            &failure::SANDBOX_DETACHED,
            &failure::LOAD_BALANCER_MISSING,
            &failure::DEVICE_DOWN,
        ],
        run: sandboxes::check,
    },
    Check {
        name: "mesh-dnat",
        subject: "DOCKER-INGRESS: DNAT of published ports",
        needs: &[Need::Docker, Need::Rules],
        finds: &[
            &failure::INGRESS_DNAT_MISSING,
            &failure::INGRESS_DNAT_ELSEWHERE,
            &failure::INGRESS_DROPPED,
            &failure::LOCAL_MASQUERADE_MISSING,
            &failure::RULE_NOT_FOLLOWED,
        ],
        run: mesh_dnat::check,
    },
    Check {
        name: "forward",
        subject: "FORWARD rules for published ports",
        needs: &[Need::Docker, Need::Rules],
        finds: &[&failure::FORWARD_DROP, &failure::RULE_NOT_FOLLOWED],
        run: forward::check,
    },
    Check {
        name: "marks",
        subject: "firewall marks of published ports and virtual addresses",
        needs: &[Need::Docker, Need::Rules],
        finds: &[
            &failure::IPVS_SERVICE_MISSING,
            &failure::IPVS_SERVICE_UNUSED,
            &failure::VIRTUAL_ADDRESS_MISSING,
        ],
        run: marks::check,
    },
    Check {
        name: "ipvs",
        subject: "IPVS destinations against running tasks",
        needs: &[Need::Docker],
        finds: &[
            &failure::IPVS_NO_DESTINATION,
            &failure::IPVS_DESTINATION_MISSING,
            &failure::STALE_BACKEND,
        ],
        run: ipvs::check,
    },
    Check {
        name: "snat",
        subject: "load balancers' SNAT rule",
        needs: &[Need::Docker, Need::Rules],
        finds: &[&failure::SNAT_MISSING, &failure::SNAT_WRONG_ADDRESS],
        run: snat::check,
    },
    Check {
        name: "neighbours",
        subject: "overlays' neighbour and forwarding entries",
        needs: &[Need::Docker],
        finds: &[
            &failure::NEIGHBOUR_MISSING,
            &failure::NEIGHBOUR_MISSING_RETURN,
            &failure::NEIGHBOUR_WRONG,
            &failure::FDB_MISSING,
            &failure::FDB_WRONG_NODE,
        ],
        run: neighbours::check,
    },
    Check {
        name: "vtep",
        subject: "source address, port and route of the data path",
        needs: &[Need::Docker, Need::Routes],
        finds: &[
            &failure::SOURCE_VTEP_MISMATCH,
            &failure::NO_ROUTE,
            &failure::DATA_PATH_PORT_WRONG,
        ],
        run: vtep::check,
    },
    Check {
        name: "task-rules",
        subject: "REDIRECT and ingress filter in local tasks",
        needs: &[Need::Docker, Need::Rules],
        finds: &[&failure::TASK_REDIRECT_MISSING, &failure::TASK_FIREWALL],
        run: task_rules::check,
    },
    Check {
        name: "addresses",
        subject: "addresses of local tasks",
        needs: &[Need::Docker],
        finds: &[&failure::ADDRESS_MISSING],
        run: addresses::check,
    },
    Check {
        name: "duplicates",
        subject: "duplicate addresses",
        needs: &[Need::Docker],
        finds: &[&failure::DUPLICATE_ADDRESS],
        run: duplicates::check,
    },
    Check {
        name: "forwarding",
        subject: "IP forwarding",
        needs: &[Need::Sysctls],
        finds: &[&failure::IP_FORWARD_OFF, &failure::SANDBOX_IP_FORWARD],
        run: forwarding::check,
    },
    Check {
        name: "node-ports",
        subject: "firewall on the Swarm's own ports",
        needs: &[Need::Docker, Need::Rules],
        finds: &[
            &failure::VXLAN_BLOCKED_ON_NODE,
            &failure::NODE_FIREWALL_DROPS,
            &failure::RULE_NOT_FOLLOWED,
        ],
        run: firewall::check,
    },
    Check {
        name: "encryption",
        subject: "encryption of overlays",
        needs: &[Need::Docker, Need::Rules, Need::Encryption],
        finds: &[
            &failure::OVERLAY_ENCRYPTION,
            &failure::ENCRYPTION_MARK_MISSING,
        ],
        run: encryption::check,
    },
    Check {
        name: "port-conflicts",
        subject: "processes on published ports and the data-path port",
        needs: &[Need::Docker, Need::Sockets],
        finds: &[
            &failure::PUBLISHED_PORT_TAKEN,
            &failure::DATA_PATH_PORT_TAKEN,
        ],
        run: ports::check,
    },
    Check {
        name: "mtu",
        subject: "MTUs of overlays and the network below",
        needs: &[],
        finds: &[&failure::MTU_BLACK_HOLE, &failure::OVERLAY_MTU_MIXED],
        run: mtu::check,
    },
    Check {
        name: "offload",
        subject: "checksum offload known to break VXLAN",
        needs: &[Need::Nics],
        finds: &[&failure::CHECKSUM_CORRUPTION],
        run: offload::check,
    },
    Check {
        name: "sysctls",
        subject: "IPVS and bridge settings",
        needs: &[Need::Sysctls],
        finds: &[
            &failure::SNAT_MISSING,
            &failure::IPVS_CONN_REUSE,
            &failure::IPVS_SETTING,
            &failure::HAIRPIN_WITHOUT_BR_NETFILTER,
        ],
        run: sysctls::check,
    },
    Check {
        name: "modules",
        subject: "kernel modules",
        needs: &[Need::Docker, Need::Modules],
        finds: &[&failure::KERNEL_MODULE_MISSING],
        run: modules::check,
    },
    Check {
        name: "iptables-backends",
        subject: "mixture of iptables-legacy and iptables-nft",
        needs: &[Need::Rules],
        finds: &[&failure::IPTABLES_MIXTURE],
        run: backends::check,
    },
];
