//! What a check found: plain data, which is also its JSON.

use super::compare::Compared;
use serde::Serialize;

/// The `format` of a check's JSON.
pub const FORMAT: &str = "swarmtrace-check";
/// The `version` of a check's JSON.
pub const VERSION: u32 = 1;

/// What became of an assertion or a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Pass,
    /// Not as it should be.
    Regression,
    /// It could not be said.
    Unmeasured,
    /// Not asked of these connections.
    Skipped,
}

/// One assertion over some connections.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// As the user wrote it.
    pub assertion: String,
    /// Whose connections; `None` for all together.
    pub service: Option<String>,
    /// Whose connections; `None` for all of the service's.
    pub backend: Option<String>,
    /// What was measured: nanoseconds, a count, or parts of a hundred.
    pub measured: Option<f64>,
    /// `ns`, `count` or `%`.
    pub unit: &'static str,
    /// On how many times or connections it rests.
    pub samples: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it could not be said.
    pub why: Option<String>,
}

/// The trace itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Run {
    /// Names of the nodes that were traced.
    pub nodes: Vec<String>,
    /// When it was told, seconds since the Unix epoch.
    pub taken: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Connections seen to their end, or to their answer.
    pub connections: u64,
    /// Connections that had no story yet when it ended.
    pub unfinished: u64,
    /// Events reported.
    pub events: u64,
    /// Events lost; `None` where nobody counted.
    pub lost: Option<u64>,
    /// What could not be seen.
    pub gaps: Vec<String>,
    /// What keeps the trace from proving anything.
    pub problems: Vec<String>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`FORMAT`]
    pub format: &'static str,
    /// [`VERSION`]
    pub version: u32,
    /// The whole check's outcome.
    pub outcome: Outcome,
    /// The process's exit code: 0, 1 or 2.
    pub exit_code: u8,
    /// The trace itself.
    pub run: Run,
    /// Every assertion over whom it was asked of.
    pub assertions: Vec<Checked>,
    /// Every comparison with the baseline.
    pub comparisons: Vec<Compared>,
    /// What got slower: the hop that costs most first.
    pub slower: Vec<super::compare::Slower>,
    /// What else there is to know.
    pub notes: Vec<String>,
}

impl Report {
    /// Sums up.
    pub fn new(run: Run, assertions: Vec<Checked>, comparisons: Vec<Compared>) -> Self {
        let outcomes: Vec<Outcome> = (assertions.iter().map(|a| a.outcome))
            .chain(comparisons.iter().map(|c| c.outcome))
            .collect();
        let outcome = sum_up(&run.problems, &outcomes);
        Self {
            format: FORMAT,
            version: VERSION,
            outcome,
            exit_code: match outcome {
                Outcome::Pass => 0,
                Outcome::Regression => 1,
                Outcome::Unmeasured | Outcome::Skipped => 2,
            },
            slower: super::compare::slower(&comparisons),
            run,
            assertions,
            comparisons,
            notes: Vec::new(),
        }
    }
}

/// A trace that proves nothing outweighs everything; then a regression that was
/// seen outweighs what was not measured, and that outweighs a pass.
fn sum_up(problems: &[String], outcomes: &[Outcome]) -> Outcome {
    let has = |outcome| outcomes.contains(&outcome);
    if !problems.is_empty() {
        Outcome::Unmeasured
    } else if has(Outcome::Regression) {
        Outcome::Regression
    } else if has(Outcome::Unmeasured) || !has(Outcome::Pass) {
        Outcome::Unmeasured
    } else {
        Outcome::Pass
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_passes_by_accident() {
        use Outcome::{Pass, Regression, Skipped, Unmeasured};
        let lost = ["events were lost".to_owned()];
        assert_eq!(sum_up(&[], &[Pass, Skipped]), Pass);
        assert_eq!(sum_up(&[], &[Pass, Regression, Unmeasured]), Regression);
        assert_eq!(sum_up(&[], &[Pass, Unmeasured]), Unmeasured);
        assert_eq!(sum_up(&[], &[Skipped]), Unmeasured);
        assert_eq!(sum_up(&[], &[]), Unmeasured);
        assert_eq!(sum_up(&lost, &[Pass, Regression]), Unmeasured);
    }
}
