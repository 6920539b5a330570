//! Whether a value is an element: a literal, a prefix, a range, or one of a set.

use super::ruleset::Table;
use super::value::{Asked, Got, LOCAL, literal};
use serde_json::Value as Json;

/// Whether the value, or the concatenation of values, is that element; none: perhaps.
pub(super) fn is(asked: &[Asked], element: &Json) -> Option<bool> {
    if let Some(inner) = element.get("elem").and_then(|e| e.get("val")) {
        return is(asked, inner);
    }
    if let Some(parts) = element.get("concat").and_then(Json::as_array) {
        if parts.len() != asked.len() {
            return None;
        }
        let mut all = Some(true);
        for (asked, part) in asked.iter().zip(parts) {
            match one(asked, part) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
        return all;
    }
    match asked {
        [asked] => one(asked, element),
        _ => is_any(element).then_some(true),
    }
}

/// The element of a set that catches whatever no other one does.
pub(super) fn is_any(element: &Json) -> bool {
    let element = element
        .get("elem")
        .and_then(|e| e.get("val"))
        .unwrap_or(element);
    element.as_str() == Some("*")
}

fn one(asked: &Asked, element: &Json) -> Option<bool> {
    if is_any(element) {
        return Some(true);
    }
    let number = match &asked.got {
        Got::Absent => return Some(false),
        Got::Unknown => return None,
        Got::NotLocal => {
            return (literal(element, asked.kind)? == LOCAL).then_some(false);
        }
        Got::Device(name) => {
            let pattern = element.as_str()?;
            return Some(match pattern.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => name == pattern,
            });
        }
        Got::Number(number) => *number,
    };
    if let Some(prefix) = element.get("prefix") {
        let text = prefix.get("addr")?;
        let net = literal(text, asked.kind)?;
        let bits: u64 = if text.as_str()?.contains(':') {
            128
        } else {
            32
        };
        let host = bits.checked_sub(prefix.get("len")?.as_u64()?)?;
        let host = u32::try_from(host).ok()?;
        let net_part = |number: u128| number.checked_shr(host).unwrap_or_default();
        return Some(net_part(number) == net_part(net));
    }
    if let Some(range) = element.get("range").and_then(Json::as_array) {
        let [from, to] = range.as_slice() else {
            return None;
        };
        let (from, to) = (literal(from, asked.kind)?, literal(to, asked.kind)?);
        return Some((from..=to).contains(&number));
    }
    Some(number == literal(element, asked.kind)?)
}

/// Whether the value is in the set: `@name` or a set of its own; none: perhaps.
pub(super) fn is_in(asked: &[Asked], set: &Json, table: &Table) -> Option<bool> {
    let mut any = Some(false);
    for element in elements(set, table)? {
        match is(asked, element) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => any = None,
        }
    }
    any
}

/// Entries of a map that the value may choose: each with whether it does surely. Those
/// are all if the last one is sure.
pub(super) fn chosen<'a>(
    asked: &[Asked],
    map: &'a Json,
    table: &'a Table,
) -> Option<Vec<(&'a Json, bool)>> {
    let mut chosen = Vec::new();
    let mut rest = None;
    for entry in elements(map, table)? {
        let [key, value] = entry.as_array()?.as_slice() else {
            return None;
        };
        if is_any(key) {
            rest = Some((value, true));
            continue;
        }
        match is(asked, key) {
            Some(true) => {
                chosen.push((value, true));
                return Some(chosen);
            }
            Some(false) => {}
            None => chosen.push((value, false)),
        }
    }
    chosen.extend(rest);
    Some(chosen)
}

/// The elements of `@name` or `{"set": […]}`; none if there is no such set.
pub(super) fn elements<'a>(set: &'a Json, table: &'a Table) -> Option<&'a [Json]> {
    if let Some(name) = set.as_str() {
        let elements = table.sets.get(name.strip_prefix('@')?)?;
        return Some(elements);
    }
    match set.get("set")? {
        Json::Array(elements) => Some(elements),
        one => Some(std::slice::from_ref(one)),
    }
}

/// Whether the right side of a match is a set.
pub(super) fn is_set(right: &Json) -> bool {
    right.get("set").is_some() || right.as_str().is_some_and(|name| name.starts_with('@'))
}
