//! Packets that the node's own namespace does not pass on: its FORWARD chain,
//! and reverse-path filtering.

use super::Rule;
use crate::diagnose::case::Case;
use crate::diagnose::confirm::on_node;
use crate::diagnose::stop::Stop;
use crate::diagnose::verdict::{Certainty, Verdict};
use crate::timeline::Way;
use crate::topology::shell::quoted;
use crate::topology::{NamespaceKind, Role};

pub(super) const FORWARD_DROP: Rule = Rule {
    id: "forward-drop",
    title: "The node's firewall does not forward between its interface and docker_gwbridge",
    symptom: "A published port is silent from outside on one node; the service works from within.",
    cause: "The FORWARD chain's policy is DROP, or another program's rule drops what Docker \
            forwards, ahead of Docker's own rules.",
    needs: "Proven: a netfilter drop in the node's own namespace. Likely: the next device was \
            watched without a loss and the packet did not reach it.",
    fix: "Accept forwarding to and from docker_gwbridge ahead of the rule that drops: \
          iptables -I DOCKER-USER -o docker_gwbridge -j ACCEPT. Where Docker's own jump from \
          FORWARD is missing, restart Docker.",
    references: &["photon#558"],
    fallback: false,
    judge: forward_drop,
};

pub(super) const REVERSE_PATH: Rule = Rule {
    id: "reverse-path-filter",
    title: "Reverse-path filtering drops the packet: its source is not behind this device",
    symptom: "On nodes with several interfaces or policy routing, connections by one of them \
              are silent.",
    cause: "net.ipv4.conf.*.rp_filter=1 drops packets whose answer would leave by another device.",
    needs: "Proven: a drop with the kernel's reason IP_RPFILTER.",
    fix: "Set rp_filter to 2 (loose) on the device, or put the routes right.",
    references: &[],
    fallback: false,
    judge: reverse_path,
};

fn forward_drop(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.stop()?;
    if !in_node(&stop) {
        return None;
    }
    let filtered = stop
        .drop
        .is_some_and(|d| d.by_netfilter() && case.drop_place(d) == Some(&NamespaceKind::Host));
    let certainty = match (filtered, stop.silent, stop.drop) {
        (true, _, _) => Certainty::Proven,
        (false, true, None) => Certainty::Likely,
        _ => return None,
    };
    let node = &stop.hop.node;
    Some(
        Verdict::stopped(&FORWARD_DROP, certainty, case, &stop)
            .confirm(on_node(case, node, "iptables -nvL FORWARD"))
            .confirm(on_node(case, node, "nft list chains hook forward")),
    )
}

fn reverse_path(case: &Case<'_>) -> Option<Verdict> {
    let stop = case.stop()?;
    let drop = stop.drop.filter(|d| d.is(&["IP_RPFILTER"]))?;
    let device = drop.device.as_deref().unwrap_or(&stop.hop.device);
    let read = format!(
        "sysctl {}",
        quoted(&format!("net.ipv4.conf.{device}.rp_filter"))
    );
    Some(
        Verdict::stopped(&REVERSE_PATH, Certainty::Proven, case, &stop)
            .confirm(on_node(case, &drop.node, &read)),
    )
}

/// Whether the packet stopped where the node's own FORWARD chain comes next.
fn in_node(stop: &Stop<'_>) -> bool {
    stop.hop.vxlan.is_none()
        && (stop.is_at(Role::Underlay, Way::In)
            || stop.is_at(Role::GatewayBridge, Way::In)
            || stop.is_at(Role::GatewayPort, Way::In))
}
