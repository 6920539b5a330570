//! Failures as text for people: one in full, repeats of one, and the table at the end.

use super::groups::Groups;
use crate::output::style::{FAINT, HEADING, PLAIN, WRONG, paint};
use crate::output::table::Table;
use crate::output::timeline::text;
use crate::output::verdict;
use crate::recording::{FailureKind, Finding, Group, KnownBy, Side};
use crate::sys::clock::Wall;

/// A failure in full.
pub fn page(finding: &Finding) -> String {
    let headline = format!("{} · {}", clock(finding.time), headline(finding));
    let mut page = paint(WRONG, headline) + "\n";
    page += &text::render(&finding.timeline, &text::Options::default());
    if let Some(verdict) = &finding.verdict {
        page += &verdict::text::indented(verdict);
    }
    page.push('\n');
    page
}

/// `refused by the server during the handshake · first seen at vote.1 eth0 out · …`
pub fn headline(finding: &Finding) -> String {
    let by = match finding.side {
        Some(Side::Client) => " by the client",
        Some(Side::Server) => " by the server",
        None => "",
    };
    let when = match (finding.kind, finding.during_handshake) {
        (FailureKind::Reset, false) => " after the handshake",
        (FailureKind::Reset, true) => " during the handshake",
        _ => "",
    };
    let mut parts = vec![format!("{}{by}{when}", words(finding.kind))];
    if let Some(place) = &finding.origin {
        let verb = match (finding.kind, place.by) {
            (FailureKind::Unanswered | FailureKind::AnswerLost | FailureKind::SentAgain, _) => {
                "last seen at"
            }
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

fn words(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Refused => "refused",
        FailureKind::Reset => "reset",
        FailureKind::IcmpError => "answered with an ICMP error",
        FailureKind::Unanswered => "never answered",
        FailureKind::AnswerLost => "answered, but the answer was lost",
        FailureKind::SentAgain => "answered only when sent again",
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
    let place = key.origin.as_ref().map(|p| format!(" at {p}"));
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
            (PLAIN, key.origin.clone().unwrap_or_default()),
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
pub fn clock(time: Wall) -> String {
    let whole = humantime::format_rfc3339_millis(time.system_time()).to_string();
    let time = whole
        .split_once('T')
        .map_or(whole.as_str(), |(_, time)| time);
    time.to_owned()
}
