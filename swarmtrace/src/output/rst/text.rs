//! Failures as text for people: one in full, repeats of one, and the table at the end.

use super::finding::{Finding, Kind, KnownBy, Side};
use super::groups::{Group, Groups};
use crate::output::paint::{Ink, Painter};
use crate::output::style::{FAINT, HEADING, PLAIN};
use crate::output::table::Table;
use crate::output::text::{self, TextOptions};
use crate::output::verdict;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Standard output drops the colours where they are not wanted.
const COLOUR: Painter = Painter { colour: true };

/// A failure in full.
pub fn page(finding: &Finding) -> String {
    let headline = format!("{} · {}", clock(finding.time), headline(finding));
    let options = TextOptions {
        painter: COLOUR,
        ..TextOptions::default()
    };
    let mut page = COLOUR.paint(Ink::Bad, &headline) + "\n";
    page += &text::timeline(&finding.timeline, &options);
    if let Some(verdict) = &finding.verdict {
        page += &verdict::below(verdict, COLOUR);
    }
    page.push('\n');
    page
}

/// `refused by the server during the handshake · born in vote.1 eth0 out · …`
pub fn headline(finding: &Finding) -> String {
    let by = match finding.side {
        Some(Side::Client) => " by the client",
        Some(Side::Server) => " by the server",
        None => "",
    };
    let when = match (finding.kind, finding.during_handshake) {
        (Kind::Reset, false) => " after the handshake",
        (Kind::Reset, true) => " during the handshake",
        _ => "",
    };
    let mut parts = vec![format!("{}{by}{when}", words(finding.kind))];
    if let Some(place) = &finding.birthplace {
        let verb = match (finding.kind, place.by) {
            (Kind::Unanswered | Kind::AnswerLost | Kind::SentAgain, _) => "last seen at",
            (_, KnownBy::Kernel) => "sent by the kernel, at",
            (_, KnownBy::Tap) => "first seen at",
        };
        parts.push(format!("{verb} {}", place.describe()));
    }
    parts.extend(finding.reason.as_ref().map(|r| format!("reason {r}")));
    if let Some(state) = finding.task_state {
        let task = finding.task.as_deref().unwrap_or("the task");
        parts.push(format!("{task} {}", state.describe()));
    }
    parts.join(" · ")
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Refused => "refused",
        Kind::Reset => "reset",
        Kind::IcmpError => "answered with an ICMP error",
        Kind::Unanswered => "never answered",
        Kind::AnswerLost => "answered, but the answer was lost",
        Kind::SentAgain => "answered only when sent again",
    }
}

/// A kind of failure in one line.
pub fn describe(group: &Group) -> String {
    let key = &group.key;
    let to = match &key.destination {
        Some(destination) if *destination != key.target => format!(" → {destination}"),
        _ => String::new(),
    };
    let verdict = key.verdict.as_ref().map(|v| format!(" ({v})"));
    let place = key.birthplace.as_ref().map(|p| format!(" at {p}"));
    format!(
        "{}{to} {}{}{}",
        key.target,
        words(key.kind),
        verdict.unwrap_or_default(),
        place.unwrap_or_default()
    )
}

/// Every kind of failure, a row each.
pub fn table(groups: &Groups) -> String {
    let mut table = Table::default();
    let heading = [
        "count", "rate", "service", "backend", "what", "verdict", "where", "last",
    ];
    table.row(heading.map(|name| (HEADING, name.to_owned())));
    for group in groups.all() {
        let rate = group.rate().map(|rate| format!("{rate:.1}/s"));
        let key = &group.key;
        table.row([
            (PLAIN, group.count.to_string()),
            (PLAIN, rate.unwrap_or_default()),
            (PLAIN, key.target.clone()),
            (PLAIN, key.destination.clone().unwrap_or_default()),
            (PLAIN, words(key.kind).to_owned()),
            (PLAIN, key.verdict.clone().unwrap_or_default()),
            (PLAIN, key.birthplace.clone().unwrap_or_default()),
            (FAINT, clock(group.last)),
        ]);
    }
    let mut text = table.render(0);
    if groups.others() > 0 {
        text += &format!("{} more of kinds that are not listed\n", groups.others());
    }
    text
}

/// The time of day, UTC.
pub fn clock(unix: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_nanos(unix));
    let whole = humantime::format_rfc3339_millis(time.unwrap_or(SystemTime::UNIX_EPOCH));
    let whole = whole.to_string();
    let time = whole
        .split_once('T')
        .map_or(whole.as_str(), |(_, time)| time);
    time.to_owned()
}
