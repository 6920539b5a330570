//! Which failure can be made to happen, and how: the names of the scenarios in
//! the tests (`cargo xtask scenarios`) by the rule that tells of them.
//!
//! It is here because the user's catalogue is written here; a test beside the
//! scenarios themselves holds the two against each other.

/// A rule's id, and the scenarios in which it speaks.
pub(super) const SCENARIOS: &[(&str, &[&str])] = &[
    ("checksum-corruption", &["checksum-corruption"]),
    ("client-reset", &["hairpin", "client-reset"]),
    ("duplicate-address", &["duplicate-address"]),
    (
        "fdb-missing",
        &[
            "fdb-missing",
            "neighbour-corrupt",
            "fdb-missing-return",
            "vip-fdb-missing",
        ],
    ),
    ("fdb-wrong-node", &["fdb-wrong-node"]),
    ("forward-drop", &["forward-drop", "forward-rule"]),
    ("hairpin-without-br-netfilter", &["hairpin"]),
    ("ingress-dnat-missing", &["ingress-dnat-missing"]),
    ("ingress-ipv6", &["ingress-ipv6"]),
    ("ingress-sandbox-gone", &["ingress-sandbox-gone"]),
    ("ipvs-connection-forgotten", &["ipvs-connection-forgotten"]),
    ("ipvs-no-destination", &["ipvs-no-destination"]),
    (
        "ipvs-service-missing",
        &[
            "ipvs-service-missing",
            "mark-missing",
            "vip-service-missing",
        ],
    ),
    (
        "left-for-other-node",
        &[
            "reply-not-translated",
            "sandbox-ip-forward",
            "neighbour-missing-return",
            "fdb-missing-return",
            "vxlan-blocked-on-node",
            "vxlan-blocked-on-path",
            "vxlan-blocked-on-return-path",
            "overlay-network-absent",
            "checksum-corruption",
        ],
    ),
    ("mtu-black-hole", &["mtu-black-hole"]),
    ("neighbour-missing", &["neighbour-missing"]),
    ("neighbour-missing-return", &["neighbour-missing-return"]),
    (
        "no-listener",
        &[
            "no-listener",
            "no-listener-on-other-node",
            "vip-no-listener",
            "udp-no-listener",
        ],
    ),
    ("overlay-network-absent", &["overlay-network-absent"]),
    ("refused-on-other-node", &["no-listener-on-other-node"]),
    ("reply-not-translated", &["reply-not-translated"]),
    ("reset-on-other-node", &["task-reset"]),
    ("reverse-path-filter", &["reverse-path-filter"]),
    ("sandbox-ip-forward", &["sandbox-ip-forward"]),
    ("snat-missing", &["snat-missing"]),
    ("source-vtep-mismatch", &["source-vtep-mismatch"]),
    ("stale-backend", &["stale-backend"]),
    (
        "task-firewall",
        &[
            "task-firewall",
            "port-not-exposed",
            "task-rejects",
            "task-resets",
            "redirect-missing",
        ],
    ),
    ("task-reset", &["task-reset"]),
    ("task-stopped-midstream", &["task-stopped-midstream"]),
    ("vxlan-blocked-on-node", &["vxlan-blocked-on-node"]),
];
