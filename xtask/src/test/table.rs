//! The end of a run: a line for each suite, then what failed in each.

use std::fmt::Write as _;

use super::outcome::Outcome;

/// A suite and how it ended.
#[derive(Clone, Debug)]
pub struct Row {
    /// The suite's name.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}

impl Row {
    /// A suite that did not run.
    pub fn without(name: &'static str, outcome: Outcome) -> Self {
        Self {
            name,
            outcome,
            seconds: 0.0,
        }
    }

    /// Whether something in it failed.
    pub fn failed(&self) -> bool {
        self.outcome.failed()
    }

    /// Whether it ran, and nothing failed.
    pub fn passed(&self) -> bool {
        !self.failed() && self.outcome != Outcome::LeftOut
    }
}

/// The table as text.
pub fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "{:34} {:>7} {:>7} {:>8} {:>8}\n",
        "suite", "passed", "failed", "skipped", "seconds"
    );
    for row in rows {
        let [passed, failed, skipped] = match &row.outcome {
            Outcome::Step(None) => ["ok".to_owned(), String::new(), String::new()],
            Outcome::Step(Some(_)) => [String::new(), "failed".to_owned(), String::new()],
            Outcome::Tests(tally) => {
                [tally.passed, tally.failed, tally.skipped].map(|n| n.to_string())
            }
            Outcome::LeftOut => ["left out", "", ""].map(str::to_owned),
            Outcome::NotRun => ["not run", "", ""].map(str::to_owned),
        };
        let _ = writeln!(
            text,
            "{:34} {passed:>7} {failed:>7} {skipped:>8} {:>8.0}",
            row.name, row.seconds
        );
    }
    for row in rows {
        match &row.outcome {
            Outcome::Step(Some(reason)) => {
                let _ = writeln!(text, "\n{} failed: {reason}", row.name);
            }
            Outcome::Tests(tally) if row.failed() => {
                let _ = writeln!(text, "\n{} failed:", row.name);
                for name in &tally.names {
                    let _ = writeln!(text, "    {name}");
                }
                if let (true, Some(ended)) = (tally.names.is_empty(), &tally.ended) {
                    let _ = writeln!(text, "    a test binary ended with {ended}");
                }
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Tally;
    use super::*;

    #[test]
    fn what_failed_is_named_below_the_table() {
        let tests = Tally {
            passed: 7,
            failed: 1,
            names: vec!["tests::two".to_owned()],
            ended: Some("exit status: 101".to_owned()),
            ..Tally::default()
        };
        let rows = [
            Row::without("lint", Outcome::Step(None)),
            Row::without("replica", Outcome::Tests(tests)),
            Row::without("scenarios in the VM", Outcome::LeftOut),
        ];
        let text = render(&rows);
        assert!(
            text.ends_with("replica failed:\n    tests::two\n"),
            "{text}"
        );
        let failed: Vec<bool> = rows.iter().map(Row::failed).collect();
        assert_eq!(failed, [false, true, false]);
    }
}
