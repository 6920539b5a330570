//! Two nodes' clocks, from the packets that both saw.
//!
//! A packet leaves A at t1 and enters B at t2; its answer leaves B at t3 and
//! enters A at t4, each by its own node's clock. B's clock minus A's
//! lies between t3 - t4 and t2 - t1, because no packet arrives before it
//! left. The middle of that interval is the estimate, half its width the
//! bound; it is narrowest for the exchange that spent least time on the wire.
//! Clocks drift: an exchange's interval widens with its distance in time, and
//! of all exchanges the one that is narrowest at the moment in question is
//! taken. Nothing but causality and the drift limit is assumed; in particular
//! not that both ways take equally long.

use crate::sys::clock::{Mono, Nanos};
use std::collections::BTreeMap;

/// How far two clocks may drift apart, in parts per million. NTP holds them
/// well below it.
const DRIFT_PPM: i64 = 100;
/// One exchange is kept for each such span.
const WINDOW: Nanos = Nanos::from_secs(10);

/// Where B's clock minus A's must lie, by one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Not less than this.
    pub low: Nanos,
    /// Not more than this.
    pub high: Nanos,
}

impl Interval {
    /// From the four times; `None` if they contradict causality.
    pub fn of(t1: Mono, t2: Mono, t3: Mono, t4: Mono) -> Option<Self> {
        let (low, high) = (t3 - t4, t2 - t1);
        (low <= high).then_some(Self { low, high })
    }

    fn middle(self) -> Nanos {
        Nanos::new(i64::midpoint(self.low.get(), self.high.get()))
    }

    /// Half the width, rounded up.
    fn half_width(self) -> Nanos {
        (self.high - self.low + Nanos::new(1)) / 2
    }
}

/// B's clock minus A's at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The middle of the interval.
    pub offset: Nanos,
    /// Half its width.
    pub bound: Nanos,
    /// How many exchanges there were.
    pub samples: u32,
}

/// What is known of B's clock against A's.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// By window of A's clock: when, and the narrowest interval.
    best: BTreeMap<u64, (Mono, Interval)>,
    samples: u32,
}

impl Clock {
    /// A clock of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an exchange that A saw begin at `time` (its clock).
    pub fn add(&mut self, time: Mono, interval: Interval) {
        self.samples = self.samples.saturating_add(1);
        let entry = self
            .best
            .entry(time.ns() / WINDOW.unsigned())
            .or_insert((time, interval));
        if interval.half_width() < entry.1.half_width() {
            *entry = (time, interval);
        }
    }

    /// The offset at `time` by A's clock.
    pub fn at(&self, time: Mono) -> Option<Offset> {
        let widened = |(when, interval): &(Mono, Interval)| {
            let drift = when.distance(time) / 1_000_000 * DRIFT_PPM;
            (interval.half_width() + drift, interval.middle())
        };
        let (bound, offset) = self.best.values().map(widened).min()?;
        Some(Offset {
            offset,
            bound,
            samples: self.samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_ways_give_the_exact_offset() {
        let at = Mono::from_ns;
        let interval = Interval::of(at(1_000), at(51_050), at(60_000), at(10_050)).unwrap();
        assert_eq!(
            interval,
            Interval {
                low: Nanos::new(49_950),
                high: Nanos::new(50_050)
            }
        );
        let mut clock = Clock::new();
        clock.add(at(1_000), interval);
        let offset = clock.at(at(1_000)).unwrap();
        let expected = (Nanos::new(50_000), Nanos::new(50));
        assert_eq!((offset.offset, offset.bound), expected);
    }

    #[test]
    fn an_answer_before_its_question_is_no_exchange() {
        let [t1, t2, t3, t4] = [100, 50, 300, 120].map(Mono::from_ns);
        assert_eq!(Interval::of(t1, t2, t3, t4), None);
    }

    proptest! {
        /// The true offset is within the bound, whatever the delays and however
        /// the clocks drift within the limit.
        #[test]
        fn the_truth_is_within_the_bound(
            offset in -1_000_000_000i64..1_000_000_000,
            drift_ppm in -90i64..90,
            exchanges in prop::collection::vec((0u64..100_000_000_000, 1u64..1_000_000, 0u64..10_000, 1u64..1_000_000), 1..40),
            asked in 0u64..100_000_000_000,
        ) {
            let base = 10_000_000_000_000u64;
            let truth = |a: u64| offset + (a - base) as i64 / 1_000_000 * drift_ppm;
            let on_b = |a: u64| a.saturating_add_signed(truth(a));
            let mut clock = Clock::new();
            for (start, there, pause, back) in exchanges {
                let t1 = base + start;
                let arrives = t1 + there;
                let answers = arrives + pause;
                let times = [t1, on_b(arrives), on_b(answers), answers + back];
                let [t1, t2, t3, t4] = times.map(Mono::from_ns);
                if let Some(interval) = Interval::of(t1, t2, t3, t4) {
                    clock.add(t1, interval);
                }
            }
            if let Some(found) = clock.at(Mono::from_ns(base + asked)) {
                let error = (found.offset - Nanos::new(truth(base + asked))).abs();
                // The exchange itself lasts up to 2 ms: its drift is below 1 µs.
                prop_assert!(error <= found.bound + Nanos::new(1_000), "{error:?} > {:?}", found.bound);
            }
        }
    }
}
