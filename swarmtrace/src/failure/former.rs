//! Ids that were renamed. They stay accepted for one release.

/// An id that a failure, or a case of it, had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormerId {
    /// The id before.
    pub former: &'static str,
    /// The id now.
    pub now: &'static str,
    /// In which case, where the former id still exists or was split.
    pub case: Option<&'static str>,
}

/// Every id that was renamed after 0.1: until then doctor had ids of its own for
/// failures that verdicts know too.
pub static FORMER_IDS: &[FormerId] = &[
    renamed("balancer-unknown", "neighbour-missing-return"),
    renamed("bridge-netfilter-off", "hairpin-without-br-netfilter"),
    renamed("checksum-offload", "checksum-corruption"),
    renamed("encryption-state-missing", "overlay-encryption"),
    renamed("forward-drops", "forward-drop"),
    renamed("forwarding-entry-missing", "fdb-missing"),
    renamed("forwarding-entry-wrong-node", "fdb-wrong-node"),
    renamed("ingress-sandbox-missing", "ingress-sandbox-gone"),
    renamed("ingress-sandbox-silent", "ingress-sandbox-gone"),
    split(
        "ip-forward-off",
        "sandbox-ip-forward",
        "in a load balancer's namespace",
    ),
    split(
        "ipvs-destination-missing",
        "ipvs-no-destination",
        "where none of the service's tasks is a destination",
    ),
    renamed("ipvs-destination-stale", "stale-backend"),
    split(
        "ipvs-setting",
        "ipvs-conn-reuse",
        "of net.ipv4.vs.conn_reuse_mode",
    ),
    split("ipvs-setting", "snat-missing", "of net.ipv4.vs.conntrack"),
    renamed("ipvs-weights-zero", "ipvs-no-destination"),
    renamed("mark-rule-missing", "ipvs-service-missing"),
    split(
        "neighbour-missing",
        "neighbour-missing-return",
        "of another node's load balancer",
    ),
    split(
        "node-firewall-drops",
        "vxlan-blocked-on-node",
        "of VXLAN that comes in",
    ),
    renamed("overlay-exceeds-card", "mtu-black-hole"),
    renamed("source-address-wrong", "source-vtep-mismatch"),
    renamed("task-filter-drops", "task-firewall"),
];

const fn renamed(former: &'static str, now: &'static str) -> FormerId {
    FormerId {
        former,
        now,
        case: None,
    }
}

const fn split(former: &'static str, now: &'static str, case: &'static str) -> FormerId {
    FormerId {
        former,
        now,
        case: Some(case),
    }
}
