//! What one statement of a rule does with a packet.

use super::expression::{evaluate, holds, map_value, mark};
use super::lookup::chosen;
use super::ruleset::Table;
use super::value::{Kind, literal};
use crate::firewall::course::Course;
use crate::firewall::fate::{Fate, RejectWith};
use serde_json::Value as Json;
use std::net::IpAddr;

/// What a statement does.
pub(super) enum Step<'a> {
    /// The next statement follows.
    Passes,
    /// The next statement may follow: it is not known.
    Perhaps,
    /// The rule does not apply.
    Stops,
    /// The mark becomes this; none: not known.
    Marks(Option<u32>),
    /// Conntrack is to leave the packet alone.
    Notrack,
    /// Addresses or ports become something that is not known.
    Rewrites,
    /// One of these, each with whether it is sure.
    Verdicts(Vec<(Verdict<'a>, bool)>),
    /// Not understood: it may do anything.
    Unknown,
}

/// A verdict.
pub(super) enum Verdict<'a> {
    Ends(Fate),
    Return,
    Continue,
    Jump(&'a str),
    Goto(&'a str),
}

pub(super) fn step<'a>(statement: &'a Json, table: &'a Table, course: &Course) -> Step<'a> {
    let Some((key, body)) = statement.as_object().and_then(|o| o.iter().next()) else {
        return Step::Unknown;
    };
    let v6 = course.packet.is_v6();
    let ends = |fate| Step::Verdicts(vec![(Verdict::Ends(fate), true)]);
    match key.as_str() {
        "match" => match holds(body, table, course) {
            Some(true) => Step::Passes,
            Some(false) => Step::Stops,
            None => Step::Perhaps,
        },
        "vmap" => vmap(body, table, course).unwrap_or(Step::Unknown),
        "reject" => ends(Fate::Reject(reject(body, v6))),
        "queue" => ends(Fate::Queue),
        "tproxy" | "synproxy" | "fwd" => ends(Fate::Unknown),
        "dnat" | "snat" | "masquerade" | "redirect" => {
            let only = body.get("family").and_then(Json::as_str);
            match only.is_some_and(|family| (family == "ip6") != v6) {
                true => Step::Stops,
                false => ends(translation(key, body, table, course)),
            }
        }
        "notrack" => Step::Notrack,
        "mangle" => mangle(body, table, course),
        "limit" | "quota" | "ct count" | "meter" => Step::Perhaps,
        "counter" | "log" | "set" | "map" | "dup" | "flow" | "last" | "comment" | "ct helper"
        | "ct timeout" | "ct expectation" | "secmark" => Step::Passes,
        // What iptables' rules are to nft: their matches and targets have no JSON.
        "xt" => match body.get("type").and_then(Json::as_str) {
            Some("match") => Step::Perhaps,
            _ => Step::Unknown,
        },
        _ => match verdict(statement) {
            Some(verdict) => Step::Verdicts(vec![(verdict, true)]),
            None => Step::Unknown,
        },
    }
}

/// `{"drop": null}`, `{"jump": {"target": "x"}}`
fn verdict(json: &Json) -> Option<Verdict<'_>> {
    let (key, body) = json.as_object()?.iter().next()?;
    let target = || body.get("target")?.as_str();
    Some(match key.as_str() {
        "accept" => Verdict::Ends(Fate::Accept),
        "drop" => Verdict::Ends(Fate::Drop),
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        _ => return None,
    })
}

fn vmap<'a>(body: &'a Json, table: &'a Table, course: &Course) -> Option<Step<'a>> {
    let asked = evaluate(body.get("key")?, table, course);
    let entries = chosen(&asked, body.get("data")?, table)?;
    if entries.is_empty() {
        return Some(Step::Stops);
    }
    let mut verdicts = Vec::new();
    for (json, surely) in entries {
        verdicts.push((verdict(json)?, surely));
    }
    Some(Step::Verdicts(verdicts))
}

fn reject(body: &Json, v6: bool) -> RejectWith {
    let text = |key: &str| body.get(key).and_then(Json::as_str);
    if text("type") == Some("tcp reset") {
        return RejectWith::TcpReset;
    }
    let named = text("expr").and_then(|name| RejectWith::named_by_nft(name, v6));
    named.unwrap_or(RejectWith::port_unreachable(v6))
}

fn translation(key: &str, body: &Json, table: &Table, course: &Course) -> Fate {
    let single = |key: &str| {
        let value = body.get(key)?;
        match value.get("map") {
            Some(map) => map_value(map, table, course),
            None => Some(value),
        }
    };
    let port = single("port")
        .and_then(|port| literal(port, Kind::Number))
        .and_then(|port| u16::try_from(port).ok());
    let address: Option<IpAddr> =
        (single("addr").and_then(Json::as_str)).and_then(|address| address.parse().ok());
    match key {
        "dnat" => Fate::Dnat(address, port),
        "redirect" => Fate::Redirect(port),
        "snat" => Fate::Snat(address),
        _ => Fate::Masquerade,
    }
}

fn mangle<'a>(body: &'a Json, table: &'a Table, course: &Course) -> Step<'a> {
    let Some((key, what)) = body
        .get("key")
        .and_then(|key| key.as_object()?.iter().next())
    else {
        return Step::Unknown;
    };
    match (key.as_str(), what.get("key").and_then(Json::as_str)) {
        ("meta", Some("mark")) => {
            Step::Marks((body.get("value")).and_then(|value| mark(value, table, course)))
        }
        ("payload", _) => Step::Rewrites,
        _ => Step::Passes,
    }
}
