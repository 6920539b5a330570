//! The rules, a file each or a tight family, and the table that lists them.
//!
//! A rule is data for the catalogue and one pure function. It says nothing
//! about a flow that works, claims proof only for what the evidence admits no
//! other explanation of, and names the hop. Adding one is a file and a line in
//! [`RULES`].

mod checksum;
mod conn_reuse;
mod duplicate;
mod elsewhere;
mod encryption;
mod fdb;
mod forgotten;
mod forward;
mod ip_forward;
mod ipvs;
mod kernel_drop;
mod local_answer;
mod mtu;
mod neighbour;
mod network_absent;
mod reset;
mod sandbox_gone;
mod snat;
mod source_vtep;
mod stale_backend;
mod task_firewall;
mod task_refused;
mod task_silent;
mod unknown;
mod untranslated;
mod vxlan_filtered;

use super::case::Case;
use super::verdict::Verdict;

/// One failure that can be told from a flow.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable name.
    pub id: &'static str,
    /// What went wrong, in one line: the verdict's text.
    pub title: &'static str,
    /// What a user sees.
    pub symptom: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What the verdict rests on, and what makes it proven or only likely.
    pub needs: &'static str,
    /// How to put it right.
    pub fix: &'static str,
    /// Upstream issues.
    pub references: &'static [&'static str],
    /// It speaks only where no other rule does.
    pub fallback: bool,
    /// The rule itself.
    pub judge: fn(&Case<'_>) -> Option<Verdict>,
}

/// A failure that looks like another one from where taps can be.
#[derive(Clone, Copy, Debug)]
pub struct Indistinct {
    /// The failure.
    pub failure: &'static str,
    /// The rule that speaks for it.
    pub reported_as: &'static str,
    /// Why they cannot be told apart, and what can tell them apart.
    pub why: &'static str,
}

/// Every rule, in order of precedence among equally certain ones.
pub const RULES: &[Rule] = &[
    // Wrong whatever else is seen.
    duplicate::DUPLICATE,
    untranslated::HAIRPIN,
    snat::RULE,
    untranslated::UNTRANSLATED,
    // The node itself, before the load balancer.
    local_answer::IPV6,
    local_answer::DNAT_MISSING,
    local_answer::HOST_PORT,
    sandbox_gone::RULE,
    forward::FORWARD_DROP,
    forward::REVERSE_PATH,
    // The load balancer.
    ipvs::NO_DESTINATION,
    ipvs::NO_SERVICE,
    conn_reuse::RULE,
    stale_backend::RULE,
    neighbour::FORWARD,
    forgotten::RULE,
    ip_forward::RULE,
    // The overlay.
    fdb::MISSING,
    fdb::WRONG_NODE,
    encryption::RULE,
    network_absent::RULE,
    source_vtep::RULE,
    vxlan_filtered::ON_NODE,
    vxlan_filtered::ON_PATH,
    mtu::RULE,
    // The task.
    task_refused::STOPPING,
    task_refused::STARTING,
    task_refused::NO_LISTENER,
    task_firewall::RULE,
    checksum::RULE,
    neighbour::RETURN,
    reset::TASK_STOPPED,
    reset::TASK,
    reset::CLIENT,
    elsewhere::REFUSED,
    elsewhere::RESET,
    // Where no rule knows.
    kernel_drop::RULE,
    task_silent::RULE,
    elsewhere::LEFT,
    unknown::RULE,
];

/// Failures that no rule of their own can tell.
pub const INDISTINCT: &[Indistinct] = &[
    Indistinct {
        failure: "Another program holds the data-path port (UDP 4789)",
        reported_as: "overlay-network-absent",
        why: "The node then has no VXLAN device, exactly as where the network was never set up; \
              `ss -lunp sport = :4789` on that node tells (moby#33416).",
    },
    Indistinct {
        failure: "iptables-legacy and iptables-nft rules mixed",
        reported_as: "ipvs-service-missing",
        why: "A mark rule in the table that the kernel does not consult looks like no mark rule; \
              compare `iptables-legacy -t mangle -S` and `iptables-nft -t mangle -S` in the \
              sandbox (moby#46636).",
    },
    Indistinct {
        failure: "A REJECT rule with tcp-reset in the task's namespace",
        reported_as: "no-listener",
        why: "The reset leaves the task like the kernel's own; where the listener is there, \
              `iptables -nvL` in the task's namespace tells.",
    },
    Indistinct {
        failure: "A full accept queue in the task",
        reported_as: "task-silent",
        why: "The SYN reaches the task and nothing answers, without a drop reason of its own; \
              `ss -ltn` in the task shows Recv-Q above Send-Q.",
    },
    Indistinct {
        failure: "A conntrack table that is full",
        reported_as: "kernel-drop",
        why: "Netfilter's verdict is the same as a rule's; `dmesg | grep nf_conntrack` says \
              \"table full\".",
    },
    Indistinct {
        failure: "Corrupted checksums where the kernel gives no drop reason",
        reported_as: "task-silent",
        why: "At a tap a packet with a bad checksum looks like a good one (local traffic has none \
              yet); `nstat -asz TcpInCsumErrors` in the task counts them (moby#41775).",
    },
    Indistinct {
        failure: "A handshake with corrupted checksums, to a task on the ingress network",
        reported_as: "task-firewall",
        why: "Conntrack calls a damaged packet INVALID, and Docker's rules in the task then drop \
              it before TCP can count it; `invalid` in `conntrack -S` there rises, and only \
              connections from another node are stopped (moby#41775).",
    },
    Indistinct {
        failure: "A lower MTU somewhere between the nodes",
        reported_as: "mtu-black-hole",
        why: "Without an ICMP error, data that vanishes between the nodes after a handshake that \
              passed is only likely to be an MTU; `ping -M do -s 1472` between the nodes tells \
              (moby#24906).",
    },
    Indistinct {
        failure: "ESP blocked between the nodes, an unsupported algorithm, or state that differs",
        reported_as: "overlay-encryption",
        why: "Encrypted packets carry nothing to recognise a flow by: all that is seen is that \
              they enter the tunnel and do not leave it; `ip -s xfrm state` on both nodes tells \
              (moby#30727, moby#37115).",
    },
    Indistinct {
        failure: "Connections that die in a rolling update",
        reported_as: "task-stopped-midstream",
        why: "It is the update: reported as task-stopping, task-starting, stale-backend or \
              task-stopped-midstream, by where the connection stood (moby#30321, moby#44815).",
    },
];
