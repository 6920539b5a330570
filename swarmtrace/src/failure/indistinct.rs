//! Failures that look like others from every place where a packet can be seen.

use super::entry::Failure;
use super::{balancer, ends, overlay, underlay, unexplained};

/// A failure that no rule distinguishes from another.
#[derive(Clone, Copy, Debug)]
pub struct Indistinct {
    /// The failure, in words.
    pub failure: &'static str,
    /// The failure that is diagnosed instead.
    pub reported_as: &'static Failure,
    /// Why packets do not show the difference, and what does.
    pub why: &'static str,
}

/// Every failure that a verdict reports as another.
pub static INDISTINCT: &[Indistinct] = &[
    Indistinct {
        failure: "Another program holds the data-path port (UDP 4789)",
        reported_as: &overlay::OVERLAY_NETWORK_ABSENT,
        why: "The node then has no VXLAN device, exactly as where the network was never set up; \
              `ss -lunp sport = :4789` on that node shows it (moby#33416), and doctor reports it \
              as data-path-port-taken.",
    },
    Indistinct {
        failure: "iptables-legacy and iptables-nft rules mixed",
        reported_as: &balancer::IPVS_SERVICE_MISSING,
        why: "A mark rule in the table that the kernel does not consult looks like no mark rule; \
              compare `iptables-legacy -t mangle -S` and `iptables-nft -t mangle -S` in the \
              sandbox (moby#46636). Doctor reports it as iptables-mixture.",
    },
    Indistinct {
        failure: "A REJECT rule with tcp-reset in the task's namespace",
        reported_as: &ends::NO_LISTENER,
        why: "The reset leaves the task like the kernel's own; where the listener is there, \
              `iptables -nvL` in the task's namespace shows the rule.",
    },
    Indistinct {
        failure: "A full accept queue in the task",
        reported_as: &unexplained::TASK_SILENT,
        why: "The SYN reaches the task and nothing answers, without a drop reason of its own; \
              `ss -ltn` in the task shows Recv-Q above Send-Q.",
    },
    Indistinct {
        failure: "A conntrack table that is full",
        reported_as: &unexplained::KERNEL_DROP,
        why: "Netfilter's verdict is the same as a rule's; `dmesg | grep nf_conntrack` shows \
              \"table full\".",
    },
    Indistinct {
        failure: "Corrupted checksums where the kernel gives no drop reason",
        reported_as: &unexplained::TASK_SILENT,
        why: "At a tap a packet with a bad checksum looks like a good one (local traffic has none \
              yet); `nstat -asz TcpInCsumErrors` in the task counts them (moby#41775).",
    },
    Indistinct {
        failure: "A handshake with corrupted checksums, to a task on the ingress network",
        reported_as: &ends::TASK_FIREWALL,
        why: "Conntrack calls a damaged packet INVALID, and Docker's rules in the task then drop \
              it before TCP can count it; `invalid` in `conntrack -S` there rises, and only \
              connections from another node are stopped (moby#41775).",
    },
    Indistinct {
        failure: "A lower MTU somewhere between the nodes",
        reported_as: &underlay::MTU_BLACK_HOLE,
        why: "Without an ICMP error, data that vanishes between the nodes after a handshake that \
              passed is only likely to be an MTU; `ping -M do -s 1472` between the nodes shows it \
              (moby#24906).",
    },
    Indistinct {
        failure: "ESP blocked between the nodes, an unsupported algorithm, or state that differs",
        reported_as: &overlay::OVERLAY_ENCRYPTION,
        why: "Nothing in an encrypted packet identifies its flow: all that is seen is that \
              packets enter the tunnel and do not leave it; `ip -s xfrm state` on both nodes shows \
              which (moby#30727, moby#37115).",
    },
    Indistinct {
        failure: "Connections that die in a rolling update",
        reported_as: &ends::TASK_STOPPED_MIDSTREAM,
        why: "The update is the cause: reported as task-stopping, task-starting, stale-backend or \
              task-stopped-midstream, by where the connection stood (moby#30321, moby#44815).",
    },
];
