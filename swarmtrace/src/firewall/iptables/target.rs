//! What follows `-j`.

use super::ruleset::Target;
use super::words::masked;
use crate::firewall::fate::RejectWith;
use std::net::IpAddr;

pub(super) fn target(name: &str, options: &[&str]) -> Target {
    let option = |name: &str| {
        let at = options.iter().position(|o| *o == name)?;
        options.get(at.checked_add(1)?).copied()
    };
    match name {
        "ACCEPT" => Target::Accept,
        "DROP" => Target::Drop,
        "REJECT" => {
            let named = option("--reject-with").and_then(RejectWith::named_by_iptables);
            Target::Reject(named.unwrap_or(RejectWith::port_unreachable(false)))
        }
        "RETURN" => Target::Return,
        "DNAT" => {
            let to = option("--to-destination").unwrap_or_default();
            let (address, port) = endpoint(to);
            Target::Dnat(address, port)
        }
        "REDIRECT" => Target::Redirect(option("--to-ports").and_then(|p| p.parse().ok())),
        "SNAT" => Target::Snat(option("--to-source").and_then(|to| endpoint(to).0)),
        "MASQUERADE" => Target::Masquerade,
        "MARK" => {
            // --set-mark clears more bits than --set-xmark: value | mask.
            let x = option("--set-xmark").and_then(masked);
            let set = (option("--set-mark").and_then(masked)).map(|(v, m)| (v, v | m));
            match x.or(set) {
                Some((value, mask)) => Target::Mark(value, mask),
                None => Target::MarkUnknown,
            }
        }
        "NFQUEUE" | "QUEUE" => Target::Queue,
        "NOTRACK" => Target::Notrack,
        "CT" if options.contains(&"--notrack") => Target::Notrack,
        "CONNMARK" if options.contains(&"--restore-mark") => Target::MarkUnknown,
        "TPROXY" | "SYNPROXY" => Target::Opaque(name.to_owned()),
        _ => Target::Jump(name.to_owned()),
    }
}

/// `10.0.0.1:80`, `10.0.0.1-10.0.0.3`, `[fd00::1]:80`, `fd00::1`: the address, and the
/// port. Of a range no address is known.
fn endpoint(text: &str) -> (Option<IpAddr>, Option<u16>) {
    if let Ok(address) = text.parse() {
        return (Some(address), None);
    }
    let (address, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let address = address.trim_start_matches('[').trim_end_matches(']');
    (address.parse().ok(), port.parse().ok())
}
