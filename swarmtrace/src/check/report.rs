//! The outcome of a whole check.

use super::slower::slower;
use crate::recording::{AssertionResult, CheckReport, Comparison, Outcome, RunSummary};

/// The report of a check: its outcome is that of all parts together.
pub fn report(
    run: RunSummary,
    assertions: Vec<AssertionResult>,
    comparisons: Vec<Comparison>,
) -> CheckReport {
    let outcomes: Vec<Outcome> = (assertions.iter().map(|a| a.outcome))
        .chain(comparisons.iter().map(|c| c.outcome))
        .collect();
    let outcome = sum_up(&run.problems, &outcomes);
    CheckReport {
        outcome,
        exit_code: outcome.exit_code(),
        slower: slower(&comparisons),
        run,
        assertions,
        comparisons,
        notes: Vec::new(),
    }
}

/// A problem of the trace outweighs everything; then a regression outweighs what
/// was not measured, and that outweighs a pass.
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
