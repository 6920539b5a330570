//! What was measured: the file that a later run is held against, and the table for
//! people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::account::Figures;
use super::load::{Load, Went};
use super::mode::{Mode, Summary};
use crate::spread::Spread;

/// One load under one mode, in one round.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Which round.
    pub round: u8,
    /// What watched.
    pub mode: Mode,
    /// What asked.
    pub load: Load,
    /// How it went.
    pub went: Went,
}

/// One load under one mode, over all rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// What asked.
    pub load: String,
    /// What watched.
    pub mode: String,
    /// Answers a second.
    pub per_second: Spread,
    /// The same over that of the untraced run of the same round.
    pub ratio: Spread,
    /// Median latency, in milliseconds.
    pub p50_ms: Spread,
    /// 99 % were answered within this, in milliseconds.
    pub p99_ms: Spread,
    /// Processor time of the whole VM for an answer, in milliseconds.
    pub processor_ms: Spread,
    /// Questions that failed, in all rounds together.
    pub failed: u64,
}

/// What a run measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Release of the VM's kernel.
    pub kernel: String,
    /// The Debian whose Docker it has.
    pub debian: String,
    /// Whether every instruction of the VM was emulated.
    pub emulated: bool,
    /// The machine that the VM ran on.
    pub machine: String,
    /// How often each mode was measured.
    pub rounds: u8,
    /// How long each load ran, in seconds.
    pub seconds: u8,
    /// Times and rates: they move with the machine.
    pub rows: Vec<Row>,
    /// Events reported and lost under the loads, by mode.
    pub events: BTreeMap<String, (u64, u64)>,
    /// Figures that emulation does not distort.
    pub stable: Figures,
}

/// The rows of all samples, in the order of loads and modes.
pub fn rows(samples: &[Sample]) -> Vec<Row> {
    let mut rows = Vec::new();
    for load in Load::ALL {
        let of = |mode: Mode| {
            let mine = move |s: &&Sample| s.load == load && s.mode == mode;
            samples.iter().filter(mine)
        };
        for mode in Mode::ALL {
            let spread =
                |figure: fn(&Went) -> f64| Spread::of(of(mode).map(|s| figure(&s.went)).collect());
            let base = |round: u8| {
                let same = of(Mode::Untraced).find(|s| s.round == round)?;
                Some(same.went.per_second)
            };
            let ratios = of(mode).filter_map(|s| Some(s.went.per_second / base(s.round)?));
            let row = || {
                Some(Row {
                    load: load.name().to_owned(),
                    mode: mode.name().to_owned(),
                    per_second: spread(|w| w.per_second)?,
                    ratio: Spread::of(ratios.collect())?,
                    p50_ms: spread(|w| w.p50_ms)?,
                    p99_ms: spread(|w| w.p99_ms)?,
                    processor_ms: spread(|w| w.processor_ms)?,
                    failed: of(mode).map(|s| s.went.failed).sum(),
                })
            };
            rows.extend(row());
        }
    }
    rows
}

impl Report {
    /// Adds what swarmtrace printed at the end of a round.
    pub fn add(&mut self, mode: Mode, summary: Summary) {
        if Mode::OURS.contains(&mode) {
            let sum = self.events.entry(mode.name().to_owned()).or_default();
            sum.0 += summary.events;
            sum.1 += summary.lost;
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let how = match self.emulated {
            true => "every instruction emulated, so times and rates mean little but their order",
            false => "by KVM",
        };
        let _ = writeln!(
            text,
            "\nLinux {}, Debian {}'s Docker, two nodes in one VM with two processors, {how}.\n\
             Rounds: {}, {} s each load; medians, and of the ratio to the untraced run of the \
             same round\nthe least and the most. On {}.\n",
            self.kernel, self.debian, self.rounds, self.seconds, self.machine
        );
        let mut load = "";
        for row in &self.rows {
            if row.load != load {
                load = &row.load;
                let _ = writeln!(
                    text,
                    "{load:30} {:>9}  {:>5} {:17} {:>8} {:>8} {:>12} {:>6}",
                    "a second", "ratio", "", "p50 ms", "p99 ms", "CPU ms each", "failed"
                );
            }
            let spread = format!("({:.2} … {:.2})", row.ratio.least, row.ratio.most);
            let _ = writeln!(
                text,
                "  {:28} {:>9.1}  {:>5.2} {spread:17} {:>8.2} {:>8.2} {:>12.2} {:>6}",
                row.mode,
                row.per_second.median,
                row.ratio.median,
                row.p50_ms.median,
                row.p99_ms.median,
                row.processor_ms.median,
                row.failed
            );
        }
        let _ = writeln!(text);
        for (mode, (events, lost)) in &self.events {
            let _ = writeln!(
                text,
                "{mode}: {lost} of {events} events lost under these loads"
            );
        }
        let _ = writeln!(text, "\nnot distorted by emulation");
        for (name, value) in &self.stable {
            let _ = writeln!(text, "  {name:54} {value:>10.1}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_to_the_untraced_run_of_its_round() {
        let sample = |round, mode, per_second| Sample {
            round,
            mode,
            load: Load::Udp,
            went: Went {
                per_second,
                failed: 1,
                ..Went::default()
            },
        };
        // The machine was twice as fast in the second round.
        let rows = rows(&[
            sample(1, Mode::Untraced, 100.0),
            sample(1, Mode::Follow, 90.0),
            sample(2, Mode::Follow, 180.0),
            sample(2, Mode::Untraced, 200.0),
        ]);
        let names: Vec<_> = rows.iter().map(|r| r.mode.as_str()).collect();
        assert_eq!(names, ["untraced", "follow"]);
        let ratio = rows[1].ratio;
        assert!((ratio.least - 0.9).abs() < 1e-9 && (ratio.most - 0.9).abs() < 1e-9);
        assert_eq!(rows[1].failed, 2);
    }
}
