//! When each tap was in place.
//!
//! Silence proves something only where a tap was attached for the whole of a flow's
//! life. Taps come and go with the node's devices, and other programs may remove
//! them, so a tap counts from the moment its attachment returned to the last moment
//! at which the kernel confirmed it.

use crate::capture::Changes;
use crate::diagnose::Tap;
use crate::recording::TapSpan;
use crate::sys::clock::{Mono, Nanos};
use crate::timeline::{Direction, Gap, State, Timeline};
use crate::topology::DeviceRef;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// How long the end of a tap is remembered: longer than a flow waits to be judged
/// after its last packet.
const REMEMBERED: Nanos = Nanos::from_secs(120);

/// For how long after a flow's last packet its next hop would have been seen.
pub(super) const AFTERMATH: Nanos = Nanos::from_millis(50);

/// The first and the last time at which a tap is known to have been in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Mono,
    until: Mono,
    ended: bool,
}

/// When each tap was in place, and since when the filter is as it is.
#[derive(Debug, Default)]
pub struct TapSpans {
    spans: BTreeMap<DeviceRef, Vec<Span>>,
    /// Since when the kernel side reports what it reports now.
    filter_since: Mono,
}

impl TapSpans {
    /// Records what a reconciliation between `before` and `after` found and did.
    pub fn reconciled(&mut self, before: Mono, after: Mono, changes: &Changes) {
        for id in &changes.detached {
            if let Some(span) = self.open(*id) {
                span.ended = true;
            }
        }
        let failed = |id: &DeviceRef| changes.failed.iter().any(|(site, _)| site.at == *id);
        for (id, spans) in &mut self.spans {
            for span in spans.iter_mut().filter(|s| !s.ended && !failed(id)) {
                span.until = before;
            }
            spans.retain(|s| !s.ended || s.until + REMEMBERED > before);
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

    fn open(&mut self, id: DeviceRef) -> Option<&mut Span> {
        self.spans.get_mut(&id)?.iter_mut().find(|s| !s.ended)
    }

    /// Records that other packets are reported from `now` on.
    pub fn filter_changed(&mut self, now: Mono) {
        self.filter_since = now;
    }

    /// Whether every tap that is in place was confirmed at that time or later.
    pub fn is_confirmed(&self, time: Mono) -> bool {
        let mut open = self.spans.values().flatten().filter(|s| !s.ended);
        open.all(|s| s.until >= time)
    }

    /// The taps that were in place for all of `life`.
    pub fn throughout(&self, life: RangeInclusive<Mono>) -> impl Iterator<Item = Tap> + '_ {
        let (from, until) = life.into_inner();
        let whole = move |s: &Span| s.from <= from && until <= s.until;
        let covered = self.spans.iter().filter(move |(_, s)| s.iter().any(whole));
        covered.flat_map(|(at, _)| both_ways(*at))
    }

    /// When each tap was in place, as far as that is remembered.
    pub fn spans(&self) -> impl Iterator<Item = TapSpan> + '_ {
        let each = |(id, spans): (&DeviceRef, &'_ Vec<Span>)| {
            let (netns, ifindex) = (id.namespace, id.ifindex);
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
    pub fn filter_since(&self) -> Mono {
        self.filter_since
    }
}

/// Both taps of a device, one for each direction.
pub fn both_ways(at: DeviceRef) -> [Tap; 2] {
    [Direction::Ingress, Direction::Egress].map(|way| Tap { at, way })
}

/// From a flow's first packet to a little after its last, by the clock of its
/// first node; a flow that nothing answered lives until `now`.
pub fn life(timeline: &Timeline, now: Mono) -> RangeInclusive<Mono> {
    let from = timeline.started_monotonic;
    let last = from + timeline.duration_ns;
    let until = match timeline.state {
        State::Unanswered => now.max(last),
        _ => (last + AFTERMATH).min(now.max(last)),
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
    use crate::topology::taps::TapSite;

    fn at(ns: u64) -> Mono {
        Mono::from_ns(ns)
    }

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

    fn covers(spans: &TapSpans, life: RangeInclusive<Mono>) -> bool {
        let found: Vec<Tap> = spans.throughout(life).collect();
        let both = both_ways(AT).map(|tap| found.contains(&tap));
        assert_eq!(both[0], both[1]);
        both[0]
    }

    #[test]
    fn a_tap_counts_from_when_it_was_in_place_to_when_it_was_last_confirmed() {
        let mut spans = TapSpans::default();
        spans.reconciled(at(100), at(110), &changes(&[AT], &[]));
        assert!(!covers(&spans, at(105)..=at(120)), "it was being attached");
        assert!(
            !covers(&spans, at(110)..=at(120)),
            "nobody has looked since"
        );
        assert!(!spans.is_confirmed(at(120)));
        spans.reconciled(at(200), at(201), &changes(&[], &[]));
        assert!(spans.is_confirmed(at(200)));
        assert!(covers(&spans, at(110)..=at(200)));
        assert!(!covers(&spans, at(110)..=at(201)));
    }

    #[test]
    fn a_tap_that_somebody_removed_was_there_until_it_was_last_seen() {
        let mut spans = TapSpans::default();
        spans.reconciled(at(100), at(110), &changes(&[AT], &[]));
        spans.reconciled(at(200), at(201), &changes(&[], &[]));
        // Found gone and attached again.
        spans.reconciled(at(300), at(310), &changes(&[AT], &[AT]));
        spans.reconciled(at(400), at(401), &changes(&[], &[]));
        assert!(covers(&spans, at(150)..=at(200)));
        assert!(!covers(&spans, at(150)..=at(350)), "it was away in between");
        assert!(covers(&spans, at(310)..=at(400)));
        // What ended long ago is forgotten.
        spans.reconciled(
            at(200) + REMEMBERED,
            at(500) + REMEMBERED,
            &changes(&[], &[]),
        );
        assert!(!covers(&spans, at(150)..=at(200)));
        assert_eq!(spans.spans[&AT].len(), 1);
    }

    #[test]
    fn a_tap_that_could_not_be_asked_for_is_not_confirmed() {
        let mut spans = TapSpans::default();
        spans.reconciled(at(100), at(110), &changes(&[AT], &[]));
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
        spans.reconciled(at(200), at(201), &failed);
        assert!(!covers(&spans, at(110)..=at(150)));
    }

    #[test]
    fn what_the_filter_let_through_only_later_was_not_watched_before() {
        let mut spans = TapSpans::default();
        spans.reconciled(at(100), at(110), &changes(&[AT], &[]));
        spans.reconciled(at(200), at(201), &changes(&[], &[]));
        assert_eq!(spans.filter_since(), at(0));
        spans.filter_changed(at(150));
        assert_eq!(spans.filter_since(), at(150));
    }
}
