//! When each tap was in place, and when what it saw was lost.
//!
//! A verdict may call silence a proof only where a tap was attached for the
//! whole of a flow's life. Taps come and go with the node's devices, and other
//! programs may remove them, so what is written down here is what the kernel
//! said when it was asked: a tap counts from the moment its attachment returned
//! to the last moment at which the kernel confirmed it.

use crate::capture::Changes;
use crate::diagnose::Tap;
use crate::recording::TapSpan;
use crate::timeline::{Gap, State, Timeline, Way};
use crate::topology::DeviceRef;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// How long the end of a tap is remembered: longer than a flow waits to be told
/// of after its last packet.
const REMEMBERED: u64 = 120_000_000_000;

/// How long after its last packet was seen a flow's next hop is waited for.
pub(super) const AFTERMATH: u64 = 50_000_000;

/// Two instants, CLOCK_MONOTONIC in nanoseconds: the first and the last at which
/// something is known to have been so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: u64,
    until: u64,
    ended: bool,
}

/// What was watched, and since when.
#[derive(Debug, Default)]
pub struct TapSpans {
    spans: BTreeMap<DeviceRef, Vec<Span>>,
    /// Since when the kernel side reports what it reports now.
    filter_since: u64,
}

impl TapSpans {
    /// Notes what a reconciliation between `before` and `after` found and did.
    pub fn reconciled(&mut self, before: u64, after: u64, changes: &Changes) {
        for id in &changes.detached {
            if let Some(span) = self.open(*id) {
                span.ended = true;
            }
        }
        let failed = |at: &DeviceRef| changes.failed.iter().any(|(site, _)| site.at == *at);
        for (id, spans) in &mut self.spans {
            for span in spans.iter_mut().filter(|s| !s.ended && !failed(id)) {
                span.until = before;
            }
            spans.retain(|s| !s.ended || s.until.saturating_add(REMEMBERED) > before);
        }
        self.spans.retain(|_, spans| !spans.is_empty());
        for id in &changes.attached {
            self.spans.entry(*id).or_default().push(Span {
                from: after,
                until: after,
                ended: false,
            });
        }
    }

    fn open(&mut self, at: DeviceRef) -> Option<&mut Span> {
        self.spans.get_mut(&at)?.iter_mut().find(|s| !s.ended)
    }

    /// Notes that other packets are reported from now on.
    pub fn filter_changed(&mut self, now: u64) {
        self.filter_since = now;
    }

    /// Whether every tap that is in place was confirmed at that time or later.
    pub fn is_confirmed(&self, time: u64) -> bool {
        let mut open = self.spans.values().flatten().filter(|s| !s.ended);
        open.all(|s| s.until >= time)
    }

    /// The taps that were in place for the whole of that time.
    pub fn taps(&self, life: RangeInclusive<u64>) -> impl Iterator<Item = Tap> + '_ {
        let (from, until) = life.into_inner();
        let whole = move |s: &Span| s.from <= from && until <= s.until;
        let covered = self.spans.iter().filter(move |(_, s)| s.iter().any(whole));
        covered.flat_map(|(at, _)| taps(at.namespace, at.ifindex))
    }

    /// When each tap was in place, as far as that is remembered.
    pub fn spans(&self) -> impl Iterator<Item = TapSpan> + '_ {
        let each = |(at, spans): (&DeviceRef, &'_ Vec<Span>)| {
            let (netns, ifindex) = (at.namespace, at.ifindex);
            let spans = spans.iter().map(move |s| TapSpan {
                netns,
                ifindex,
                from: s.from,
                until: s.until,
            });
            spans.collect::<Vec<_>>()
        };
        self.spans.iter().flat_map(each)
    }

    /// Since when the same packets have been reported.
    pub fn steady_since(&self) -> u64 {
        self.filter_since
    }
}

/// A tapped device has a tap each way.
pub fn taps(netns: u32, ifindex: u32) -> [Tap; 2] {
    [Way::In, Way::Out].map(|way| Tap {
        netns,
        ifindex,
        way,
    })
}

/// From a flow's first packet to a little after its last, by the clock of its
/// first node; a flow that nothing answered lives until `now`.
pub fn life(timeline: &Timeline, now: u64) -> RangeInclusive<u64> {
    let from = timeline.started_monotonic.ns();
    let last = (timeline.started_monotonic + timeline.duration_ns).ns();
    let until = match timeline.state {
        State::Unanswered => now.max(last),
        _ => last.saturating_add(AFTERMATH).min(now.max(last)),
    };
    from..=until
}

/// Events that were lost while the flow lived.
pub fn lost(timeline: &Timeline) -> u64 {
    let lost = timeline.gaps.iter().map(|gap| match gap {
        Gap::EventsLost { count } => *count,
        _ => 0,
    });
    lost.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::TapSite;

    const AT: DeviceRef = DeviceRef {
        namespace: 7,
        ifindex: 2,
    };

    fn changes(attached: &[DeviceRef], detached: &[DeviceRef]) -> Changes {
        Changes {
            attached: attached.to_vec(),
            detached: detached.to_vec(),
            failed: Vec::new(),
        }
    }

    fn covers(spans: &TapSpans, life: RangeInclusive<u64>) -> bool {
        let found: Vec<Tap> = spans.taps(life).collect();
        let both = taps(AT.namespace, AT.ifindex).map(|tap| found.contains(&tap));
        assert_eq!(both[0], both[1]);
        both[0]
    }

    #[test]
    fn a_tap_counts_from_when_it_was_in_place_to_when_it_was_last_confirmed() {
        let mut spans = TapSpans::default();
        spans.reconciled(100, 110, &changes(&[AT], &[]));
        assert!(!covers(&spans, 105..=120), "it was being attached");
        assert!(!covers(&spans, 110..=120), "nobody has looked since");
        assert!(!spans.is_confirmed(120));
        spans.reconciled(200, 201, &changes(&[], &[]));
        assert!(spans.is_confirmed(200));
        assert!(covers(&spans, 110..=200));
        assert!(!covers(&spans, 110..=201));
    }

    #[test]
    fn a_tap_that_somebody_removed_was_there_until_it_was_last_seen() {
        let mut spans = TapSpans::default();
        spans.reconciled(100, 110, &changes(&[AT], &[]));
        spans.reconciled(200, 201, &changes(&[], &[]));
        // Found gone and attached again.
        spans.reconciled(300, 310, &changes(&[AT], &[AT]));
        spans.reconciled(400, 401, &changes(&[], &[]));
        assert!(covers(&spans, 150..=200));
        assert!(!covers(&spans, 150..=350), "it was away in between");
        assert!(covers(&spans, 310..=400));
        // What ended long ago is forgotten.
        spans.reconciled(200 + REMEMBERED, 500 + REMEMBERED, &changes(&[], &[]));
        assert!(!covers(&spans, 150..=200));
        assert_eq!(spans.spans[&AT].len(), 1);
    }

    #[test]
    fn a_tap_that_could_not_be_asked_for_is_not_confirmed() {
        let mut spans = TapSpans::default();
        spans.reconciled(100, 110, &changes(&[AT], &[]));
        let site = TapSite {
            at: AT,
            netns_path: "/proc/self/ns/net".into(),
            device: "eth0".to_owned(),
            has_ethernet: true,
        };
        let failed = Changes {
            failed: vec![(site, "no".to_owned())],
            ..Changes::default()
        };
        spans.reconciled(200, 201, &failed);
        assert!(!covers(&spans, 110..=150));
    }

    #[test]
    fn what_the_filter_let_through_only_later_was_not_watched_before() {
        let mut spans = TapSpans::default();
        spans.reconciled(100, 110, &changes(&[AT], &[]));
        spans.reconciled(200, 201, &changes(&[], &[]));
        assert_eq!(spans.steady_since(), 0);
        spans.filter_changed(150);
        assert_eq!(spans.steady_since(), 150);
    }
}
