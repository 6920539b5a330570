//! The drops and resets that the kernel reported for a timeline, a line each.

use crate::timeline::{PacketDrop, ResetSent, Timeline};

/// The lines, in the order of time; what happened again is one line with a count.
pub(super) fn lines(timeline: &Timeline) -> Vec<String> {
    let several = timeline.nodes.len() > 1;
    let drops = timeline.drops.iter().map(|drop| dropped(drop, several));
    let resets = timeline.resets.iter().map(|reset| sent(reset, several));
    let mut lines: Vec<(String, usize)> = Vec::new();
    for line in drops.chain(resets) {
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, count)) => *count += 1,
            None => lines.push((line, 1)),
        }
    }
    let counted = |(line, count): (String, usize)| match count {
        1 => line,
        count => format!("{line}, {count} times"),
    };
    lines.into_iter().map(counted).collect()
}

/// `dropped in vote.2 (eth0): NO_SOCKET at tcp_v4_rcv+0x1f`
fn dropped(drop: &PacketDrop, several: bool) -> String {
    let place = place(&drop.node, &drop.namespace, several);
    let device = drop.device.as_ref().map(|device| format!(" ({device})"));
    let device = device.unwrap_or_default();
    let why = match (drop.reason(), drop.symbol.as_deref()) {
        (Some(reason), Some(symbol)) => format!(": {reason} at {symbol}"),
        (Some(reason), None) => format!(": {reason}"),
        (None, Some(symbol)) => format!(" at {symbol}"),
        (None, None) => String::new(),
    };
    format!("dropped in {place}{device}{why}")
}

/// `reset sent by ingress_sbox: NO_SOCKET`
fn sent(reset: &ResetSent, several: bool) -> String {
    let place = place(&reset.node, &reset.namespace, several);
    match reset.reason() {
        Some(reason) => format!("reset sent by {place}: {reason}"),
        None => format!("reset sent by {place}"),
    }
}

fn place(node: &str, namespace: &str, several: bool) -> String {
    if several {
        format!("{node} {namespace}")
    } else {
        namespace.to_owned()
    }
}
