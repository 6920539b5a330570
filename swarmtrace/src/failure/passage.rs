//! Failures of a packet's passage through a namespace: whichever namespace it is.

use super::entry::failures;

failures! {
    ADDRESS_MISSING: "address-missing" {
        title: "A container or load balancer does not have the address that Docker gave it",
        symptom: "Connections to one task, or to a service's virtual address on one node, hang.",
        cause: "Something removed the address (`ip addr flush`, a network manager that took the \
                device over), or Docker did not add it. The namespace takes packets for the address \
                as somebody else's.",
        evidence: "Proven: the packet went into the namespace, or could not be resolved on its \
                   overlay, and none of the namespace's devices has the address. Doctor compares \
                   the addresses of local tasks and load balancers with Docker's.",
        fix: "Replace the container: docker service update --force SERVICE. As a stopgap, add the \
              address with its prefix length in the container's namespace.",
        references: &[],
    }

    NEIGHBOUR_TABLE_FULL: "neighbour-table-full" {
        title: "The kernel's neighbour table is full",
        symptom: "Connections to some addresses fail at random on a node with many containers; \
                  dmesg says \"neighbour: arp_cache: neighbor table overflow!\".",
        cause: "The table is one for all namespaces of the node, and it has as many entries as \
                net.ipv4.neigh.default.gc_thresh3 admits (1024 unless changed).",
        evidence: "Likely: the kernel dropped the packet because it could not create a neighbour \
                   entry (NEIGH_CREATEFAIL); the limit was not read.",
        fix: "Raise net.ipv4.neigh.default.gc_thresh1, gc_thresh2 and gc_thresh3 on the node, in \
              sysctl.d too.",
        references: &["moby#32195"],
    }
}
