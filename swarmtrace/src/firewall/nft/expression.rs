//! What nft's expressions say of a packet.

use super::lookup::{chosen, is, is_in, is_set};
use super::ruleset::Table;
use super::value::{Asked, Got, Kind, LOCAL, address, literal, state};
use crate::firewall::course::Course;
use crate::firewall::packet::Connection;
use crate::sys::protocol::{IpProtocol, Protocol};
use serde_json::Value as Json;
use std::net::IpAddr;

/// An expression's value; a concatenation has several.
pub(super) fn evaluate(expression: &Json, table: &Table, course: &Course) -> Vec<Asked> {
    match expression.get("concat").and_then(Json::as_array) {
        Some(parts) => (parts.iter())
            .map(|part| value(part, table, course))
            .collect(),
        None => vec![value(expression, table, course)],
    }
}

fn value(expression: &Json, table: &Table, course: &Course) -> Asked {
    let object = expression.as_object().and_then(|o| o.iter().next());
    let Some((key, body)) = object else {
        return Asked::unknown();
    };
    match key.as_str() {
        "meta" => meta(text(body, "key"), course),
        "payload" => payload(text(body, "protocol"), text(body, "field"), course),
        "ct" => conntrack(text(body, "key"), course),
        "fib" => fib(body, course),
        "&" | "|" | "^" | "<<" | ">>" => binary(key, body, table, course),
        "map" => mapped(body, table, course),
        _ => Asked::unknown(),
    }
}

fn text<'a>(body: &'a Json, key: &str) -> &'a str {
    body.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// The one value of a map that the packet chooses.
pub(super) fn map_value<'a>(map: &'a Json, table: &'a Table, course: &Course) -> Option<&'a Json> {
    let asked = evaluate(map.get("key")?, table, course);
    match chosen(&asked, map.get("data")?, table)?.as_slice() {
        [(value, true)] => Some(value),
        _ => None,
    }
}

fn mapped(body: &Json, table: &Table, course: &Course) -> Asked {
    let number = map_value(body, table, course).and_then(|value| literal(value, Kind::Number));
    Asked::new(Kind::Number, number)
}

fn binary(operator: &str, body: &Json, table: &Table, course: &Course) -> Asked {
    let Some([left, right]) = body.as_array().map(Vec::as_slice) else {
        return Asked::unknown();
    };
    let asked = value(left, table, course);
    let Got::Number(left) = asked.got else {
        return asked;
    };
    let right = match literal(right, asked.kind) {
        Some(right) => right,
        None => match value(right, table, course).got {
            Got::Number(right) => right,
            got => return Asked::of(asked.kind, got),
        },
    };
    let shift = u32::try_from(right).ok();
    let result = match operator {
        "&" => Some(left & right),
        "|" => Some(left | right),
        "^" => Some(left ^ right),
        "<<" => shift.and_then(|by| left.checked_shl(by)),
        _ => shift.and_then(|by| left.checked_shr(by)),
    };
    Asked::new(asked.kind, result)
}

fn meta(key: &str, course: &Course) -> Asked {
    let packet = &course.packet;
    // A packet without such a device has an empty name there (nft_meta.c).
    let device = |name: &Option<String>| {
        Asked::of(Kind::Device, Got::Device(name.clone().unwrap_or_default()))
    };
    match key {
        "iifname" | "iif" => device(&packet.input),
        "oifname" | "oif" => device(&packet.output),
        "mark" => Asked::new(Kind::Number, course.mark()),
        "l4proto" => Asked::new(Kind::Protocol, Some(packet.protocol.number())),
        "nfproto" => Asked::new(Kind::Nfproto, Some(if packet.is_v6() { 10u8 } else { 2 })),
        "protocol" => ether_type(packet.is_v6()),
        "length" => Asked::new(Kind::Number, packet.length),
        "secpath" => Asked::new(Kind::Number, packet.ipsec.map(u8::from)),
        _ => Asked::unknown(),
    }
}

fn ether_type(v6: bool) -> Asked {
    Asked::new(Kind::EtherType, Some(if v6 { 0x86ddu16 } else { 0x0800 }))
}

fn payload(header: &str, field: &str, course: &Course) -> Asked {
    let packet = &course.packet;
    let v6 = packet.is_v6();
    let is = |protocol: Protocol| packet.protocol == protocol.into();
    // nft leaves out of its list the condition on the protocol that each of these has.
    let there = match header {
        "ip" => !v6,
        "ip6" => v6,
        "tcp" => is(Protocol::Tcp),
        "udp" => is(Protocol::Udp),
        "sctp" => is(Protocol::Sctp),
        "icmp" => packet.protocol == IpProtocol::ICMP,
        "icmpv6" => packet.protocol == IpProtocol::ICMPV6,
        "arp" => false,
        _ => true,
    };
    if !there {
        return Asked::of(Kind::Number, Got::Absent);
    }
    let at = |of: Option<IpAddr>| Asked::new(Kind::Address, of.map(address));
    match (header, field) {
        ("ip" | "ip6", "saddr") => at(packet.source),
        ("ip" | "ip6", "daddr") => at(packet.destination),
        ("ip", "protocol") | ("ip6", "nexthdr") => {
            Asked::new(Kind::Protocol, Some(packet.protocol.number()))
        }
        ("ip", "length") => Asked::new(Kind::Number, packet.length),
        ("tcp" | "udp" | "sctp" | "th", "sport") => Asked::new(Kind::Number, packet.source_port),
        ("tcp" | "udp" | "sctp" | "th", "dport") => {
            Asked::new(Kind::Number, packet.destination_port)
        }
        ("tcp", "flags") => Asked::new(Kind::TcpFlags, packet.flags().map(|f| f.bits())),
        ("icmp", "type") => Asked::new(Kind::IcmpType, packet.icmp.map(|(kind, _)| kind)),
        ("icmpv6", "type") => Asked::new(Kind::Icmp6Type, packet.icmp.map(|(kind, _)| kind)),
        ("icmp" | "icmpv6", "code") => Asked::new(Kind::Number, packet.icmp.map(|(_, c)| c)),
        ("ether", "type") => ether_type(v6),
        _ => Asked::unknown(),
    }
}

fn conntrack(key: &str, course: &Course) -> Asked {
    let connection = course.packet.connection;
    match (key, connection) {
        ("state", connection) => Asked::new(Kind::State, state(connection)),
        (_, Connection::Untracked | Connection::Invalid) => Asked::of(Kind::Number, Got::Absent),
        ("direction", Connection::New | Connection::Related) => {
            Asked::new(Kind::Direction, Some(0u8))
        }
        ("direction", _) => Asked::of(Kind::Direction, Got::Unknown),
        _ => Asked::unknown(),
    }
}

/// `fib daddr type`, `fib saddr type`
fn fib(body: &Json, course: &Course) -> Asked {
    let flags = body.get("flags");
    let flag = match flags {
        Some(Json::Array(all)) => match all.as_slice() {
            [one] => one.as_str(),
            _ => None,
        },
        Some(one) => one.as_str(),
        None => None,
    };
    let local = match (text(body, "result"), flag) {
        ("type", Some("daddr")) => course.packet.destination_local,
        ("type", Some("saddr")) => course.packet.source_local,
        // Whether it is an address of that very device.
        _ => return Asked::unknown(),
    };
    let got = if local {
        Got::Number(LOCAL)
    } else {
        Got::NotLocal
    };
    Asked::of(Kind::AddressType, got)
}

/// Whether a match holds; none: perhaps.
pub(super) fn holds(body: &Json, table: &Table, course: &Course) -> Option<bool> {
    let (left, right) = (body.get("left")?, body.get("right")?);
    let asked = evaluate(left, table, course);
    if asked.iter().any(|one| one.got == Got::Absent) {
        return Some(false);
    }
    let operator = text(body, "op");
    let negated = operator == "!=";
    if is_set(right) {
        return Some(is_in(&asked, right, table)? != negated);
    }
    let [single] = asked.as_slice() else {
        return Some(is(&asked, right)? != negated);
    };
    let number = || match &single.got {
        Got::Number(number) => Some((*number, literal(right, single.kind)?)),
        _ => None,
    };
    match operator {
        "in" => number().map(|(is, flags)| is & flags != 0),
        "!=" if right.is_array() => number().map(|(is, flags)| is & flags == 0),
        "<" => number().map(|(is, than)| is < than),
        ">" => number().map(|(is, than)| is > than),
        "<=" => number().map(|(is, than)| is <= than),
        ">=" => number().map(|(is, than)| is >= than),
        "==" | "!=" => Some(is(&asked, right)? != negated),
        _ => None,
    }
}

/// A mark that a statement sets; none if it is not known.
pub(super) fn mark(expression: &Json, table: &Table, course: &Course) -> Option<u32> {
    let number = match literal(expression, Kind::Number) {
        Some(number) => number,
        None => match value(expression, table, course).got {
            Got::Number(number) => number,
            _ => return None,
        },
    };
    u32::try_from(number).ok()
}
