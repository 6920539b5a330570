//! From what was seen to the report: assertions, the comparison, the new baseline.

use super::assertion::Assertion;
use super::baseline::{self, MOST_RUNS};
use super::compare::{Rules, compare};
use super::evaluate::evaluate;
use super::measures::{Measures, measures, with_measures};
use super::observations::Observations;
use super::report::report;
use crate::recording::read::ReadError;
use crate::recording::{Baseline, BaselineRun, CheckReport, Outcome, RunSummary};
use std::path::{Path, PathBuf};

/// What to make of a run.
#[derive(Clone, Debug)]
pub struct Request {
    /// What must hold.
    pub assertions: Vec<Assertion>,
    /// What counts as slower, and how many times a figure must rest on.
    pub rules: Rules,
    /// Earlier runs to compare with.
    pub baseline: Option<Baseline>,
    /// Where to save the run, if it passes.
    pub save: Option<Save>,
}

/// A baseline that the run is added to.
#[derive(Clone, Debug)]
pub struct Save {
    path: PathBuf,
    earlier: Vec<BaselineRun>,
    run: BaselineRun,
}

impl Save {
    /// The run is to be added to the baseline in that file, or to a new one; `run`
    /// says on which kernel and by which command it was measured.
    ///
    /// # Errors
    /// Errors if the file exists and is not a baseline.
    pub fn prepare(path: &Path, run: BaselineRun) -> Result<Self, ReadError> {
        let earlier = baseline::read_if_exists(path)?;
        Ok(Self {
            path: path.to_owned(),
            earlier: earlier.map(|b| b.runs).unwrap_or_default(),
            run,
        })
    }

    /// Writes the baseline; how many runs it has.
    fn write(self, run: &RunSummary, measures: &Measures) -> Result<usize, ReadError> {
        let mut runs = self.earlier;
        let described = BaselineRun {
            taken: run.taken,
            nodes: run.nodes.clone(),
            connections: run.connections,
            ..self.run
        };
        runs.push(with_measures(described, measures));
        let count = runs.len().min(MOST_RUNS);
        baseline::write(&baseline::of(runs), &self.path)?;
        Ok(count)
    }
}

/// Judges every assertion, compares with the baseline, and saves a run that passes.
///
/// # Errors
/// Errors if the new baseline cannot be written.
pub fn conclude(
    request: Request,
    seen: &Observations,
    mut run: RunSummary,
) -> Result<CheckReport, ReadError> {
    let least = request.rules.least;
    let mut evaluated = Vec::new();
    for assertion in &request.assertions {
        let results = evaluate(assertion, seen, &run, least);
        if assertion.is_about_loss() && results.iter().any(|r| r.outcome != Outcome::Pass) {
            run.problems.push(lost(run.lost));
        }
        evaluated.extend(results);
    }
    let measures = measures(seen);
    let old = request.baseline.as_ref();
    let compared = old.map(|old| compare(old, &measures, request.rules));
    if request.save.is_some() && measures.values().all(|t| t.len() < least) {
        run.problems
            .push("too few connections for a baseline".to_owned());
    }
    let mut report = report(run, evaluated, compared.unwrap_or_default());
    report
        .notes
        .extend(old.map(baseline::doubts).unwrap_or_default());
    if let Some(save) = request.save {
        let path = save.path.display().to_string();
        let note = match report.outcome {
            Outcome::Pass => {
                let count = save.write(&report.run, &measures)?;
                format!("saved as run {count} of {path}")
            }
            _ => format!("not saved to {path}"),
        };
        report.notes.push(note);
    }
    Ok(report)
}

fn lost(lost: Option<u64>) -> String {
    match lost {
        Some(lost) => format!("{lost} events were lost; a larger --buffer helps"),
        None => "lost events were not counted".to_owned(),
    }
}
