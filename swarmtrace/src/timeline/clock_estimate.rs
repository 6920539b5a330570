//! Two nodes' clocks, from the packets that both saw.
//!
//! A packet leaves A at t1 and enters B at t2; its answer leaves B at t3 and
//! enters A at t4, each by its own node's CLOCK_MONOTONIC. B's clock minus A's
//! lies between t3 - t4 and t2 - t1, because no packet arrives before it
//! left. The middle of that interval is the estimate, half its width the
//! bound; it is narrowest for the exchange that spent least time on the wire.
//! Clocks drift: an exchange's interval widens with its distance in time, and
//! of all exchanges the one that is narrowest at the moment in question is
//! taken. Nothing but causality and the drift limit is assumed; in particular
//! not that both ways take equally long.

use std::collections::BTreeMap;

/// How far two clocks may drift apart, in parts per million. NTP holds them
/// well below it.
const DRIFT_PPM: u64 = 100;
/// One exchange is kept for each so many nanoseconds.
const WINDOW: u64 = 10_000_000_000;

/// Where B's clock minus A's must lie, by one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Not less than this.
    pub low: i64,
    /// Not more than this.
    pub high: i64,
}

impl Interval {
    /// From the four times; `None` if they contradict causality.
    pub fn of(t1: u64, t2: u64, t3: u64, t4: u64) -> Option<Self> {
        let difference = |a: u64, b: u64| i64::try_from(i128::from(a) - i128::from(b)).ok();
        let low = difference(t3, t4)?;
        let high = difference(t2, t1)?;
        (low <= high).then_some(Self { low, high })
    }

    fn middle(self) -> i64 {
        i64::midpoint(self.low, self.high)
    }

    fn half_width(self) -> u64 {
        self.high.abs_diff(self.low).div_ceil(2)
    }
}

/// B's clock minus A's at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Nanoseconds.
    pub offset_ns: i64,
    /// Half-width.
    pub bound_ns: u64,
    /// How many exchanges there were.
    pub samples: u32,
}

/// What is known of B's clock against A's.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// By window of A's clock: when, and the narrowest interval.
    best: BTreeMap<u64, (u64, Interval)>,
    samples: u32,
}

impl Clock {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an exchange that A saw begin at `time` (its clock).
    pub fn add(&mut self, time: u64, interval: Interval) {
        self.samples = self.samples.saturating_add(1);
        let entry = self.best.entry(time / WINDOW).or_insert((time, interval));
        if interval.half_width() < entry.1.half_width() {
            *entry = (time, interval);
        }
    }

    /// The offset at `time` by A's clock.
    pub fn at(&self, time: u64) -> Option<Offset> {
        let widened = |(when, interval): &(u64, Interval)| {
            let drift = when.abs_diff(time) / 1_000_000 * DRIFT_PPM;
            (
                interval.half_width().saturating_add(drift),
                interval.middle(),
            )
        };
        let (bound_ns, offset_ns) = self.best.values().map(widened).min()?;
        Some(Offset {
            offset_ns,
            bound_ns,
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
        let interval = Interval::of(1_000, 51_050, 60_000, 10_050).unwrap();
        assert_eq!(
            interval,
            Interval {
                low: 49_950,
                high: 50_050
            }
        );
        let mut clock = Clock::new();
        clock.add(1_000, interval);
        let offset = clock.at(1_000).unwrap();
        assert_eq!((offset.offset_ns, offset.bound_ns), (50_000, 50));
    }

    #[test]
    fn an_answer_before_its_question_is_no_exchange() {
        assert_eq!(Interval::of(100, 50, 300, 120), None);
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
                let interval = Interval::of(t1, on_b(arrives), on_b(answers), answers + back);
                if let Some(interval) = interval {
                    clock.add(t1, interval);
                }
            }
            if let Some(found) = clock.at(base + asked) {
                let error = found.offset_ns.abs_diff(truth(base + asked));
                // The exchange itself lasts up to 2 ms: its drift is below 1 µs.
                prop_assert!(error <= found.bound_ns + 1_000, "{error} > {}", found.bound_ns);
            }
        }
    }
}
