//! Failures whose cause is elsewhere, or not known.

use super::entry::failures;

failures! {
    REFUSED_ON_OTHER_NODE: "refused-on-other-node" {
        title: "The other node refused the connection: probably nothing listens in the task",
        symptom: "\"Connection refused\" at once from tasks on another node.",
        cause: "The reset came out of the overlay from the task's node. Nearly always the task's \
                own stack sent it.",
        evidence: "Likely: the reset that answers the SYN was first seen coming from the other \
                   node. Run swarmtrace there, or join both nodes' recordings, to prove it.",
        fix: "See no-listener; run `swarmtrace rst` on the task's node.",
        references: &[],
    }

    RESET_ON_OTHER_NODE: "reset-on-other-node" {
        title: "The other node reset the connection: probably the task's own process",
        symptom: "\"Connection reset by peer\" in the middle of a request to a task on another \
                  node.",
        cause: "The reset came out of the overlay from the task's node. Nearly always the task's \
                own process caused it.",
        evidence: "Likely: the reset of an open connection was first seen coming from the other \
                   node.",
        fix: "See task-reset; run `swarmtrace rst` on the task's node.",
        references: &[],
    }

    KERNEL_DROP: "kernel-drop" {
        title: "The kernel dropped the packet",
        symptom: "Connections hang or are slow to open.",
        cause: "The kernel gives the reason and the function; see the evidence. NETFILTER_DROP is \
                a firewall rule or a full conntrack table.",
        evidence: "Unknown: a drop of this flow at or after its last hop. The kernel's reason is \
                   all that is known of the cause.",
        fix: "Follow the reason: for NETFILTER_DROP, list the rules of the namespace named and \
              look in dmesg for \"nf_conntrack: table full\"; for others, look up the function \
              named.",
        references: &["moby#40374"],
    }

    TASK_SILENT: "task-silent" {
        title: "The task got the packet and did not answer",
        symptom: "Connections to one task hang; the network delivers them.",
        cause: "The process's accept queue is full (it is stuck or overloaded), its answer has no \
                route or neighbour entry, the packet's checksum is wrong, or, for UDP, the \
                application does not answer.",
        evidence: "Likely: the packet came into the task's device and nothing left by it, watched \
                   without a loss, and the kernel reports no drop.",
        fix: "Look into the task: a Recv-Q of the listening socket at its limit, or a rising \
              TcpExtListenOverflows, means that the process does not accept; TcpInCsumErrors \
              means damaged packets (see checksum-corruption).",
        references: &["moby#52661"],
    }

    LEFT_FOR_OTHER_NODE: "left-for-other-node" {
        title: "The packet left for another node, and nothing came back",
        symptom: "Connections to tasks on another node hang.",
        cause: "Not known from this node alone: the path between, or the other node.",
        evidence: "Unknown: the last hop is where the packet leaves for the other node, and that \
                   node was not watched.",
        fix: "Run swarmtrace on both nodes at once and join the recordings; or run `swarmtrace \
              doctor` on the other node and look for a firewall on UDP 4789 (ESP if encrypted).",
        references: &[],
    }

    UNKNOWN: "unknown" {
        title: "The connection failed, and what was seen does not say why",
        symptom: "Any.",
        cause: "Not known.",
        evidence: "Unknown: the flow failed and no rule applies. The last hop is where to look \
                   next.",
        fix: "Watch the hop that should have followed, on both nodes and without loss (fewer \
              flows at a time), and run `swarmtrace doctor`.",
        references: &[],
    }
}
