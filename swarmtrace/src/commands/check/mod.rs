//! `swarmtrace check`: assertions over a trace, and a comparison with earlier ones.

mod gather;
mod options;
#[cfg(test)]
mod tests;

pub use options::{Args, Format};

use crate::check::compare::Rules;
use crate::check::{baseline, compare, evaluate, measures, report, with_measures};
use crate::output::check::{junit, markdown, text};
use crate::output::{self, style};
use crate::recording::{Baseline, BaselineRun, CheckReport, Outcome, write_line};
use crate::sys::atomic_file::AtomicFile;
use anyhow::{Context as _, Result};
use gather::Gathered;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

impl Args {
    /// Checks, and prints the outcome.
    pub(super) async fn run(self) -> Result<ExitCode> {
        // A folder that is not there is said now rather than after half an hour.
        let files: Vec<AtomicFile> = (self.report.iter())
            .map(|(_, path)| AtomicFile::create(path).with_context(|| cannot_write(path)))
            .collect::<Result<_>>()?;
        let report = self.check().await?;
        for ((format, path), file) in self.report.iter().zip(files) {
            let text = style::plain(&render(&report, *format)?);
            file.commit(text.as_bytes())
                .with_context(|| cannot_write(path))?;
        }
        output::print(&render(&report, self.output)?)?;
        Ok(ExitCode::from(report.exit_code))
    }

    /// Everything that can be wrong with the command line or the files is said
    /// before anything is traced.
    async fn check(&self) -> Result<CheckReport> {
        let assertions = self.assertions()?;
        self.ends()?;
        let old = (self.baseline.as_deref().map(baseline::read)).transpose()?;
        let target = match &self.save_baseline {
            Some(path) => baseline::read_if_exists(path)?
                .map(|b| b.runs)
                .unwrap_or_default(),
            None => Vec::new(),
        };
        let Gathered { record, mut run } = if self.from.is_empty() {
            gather::live(self).await?
        } else {
            gather::recorded(self)?
        };
        run.taken = (SystemTime::now().duration_since(UNIX_EPOCH)).map_or(0, |t| t.as_secs());
        let mut checked = Vec::new();
        for assertion in &assertions {
            let judged = evaluate(assertion, &record, &run, self.min_samples);
            if assertion.is_about_loss() && judged.iter().any(|c| c.outcome != Outcome::Pass) {
                run.problems.push(lost(run.lost));
            }
            checked.extend(judged);
        }
        let measures = measures(&record);
        let rules = Rules {
            tolerance: self.tolerance,
            least: self.min_samples,
        };
        let compared = old.as_ref().map(|old| compare(old, &measures, rules));
        if self.save_baseline.is_some() && measures.values().all(|t| t.len() < self.min_samples) {
            run.problems
                .push("too few connections for a baseline".to_owned());
        }
        let mut report = report(run, checked, compared.unwrap_or_default());
        if let Some(old) = &old {
            report.notes.extend(doubts(old));
        }
        if let Some(path) = &self.save_baseline {
            if report.outcome == Outcome::Pass {
                let mut runs = target;
                runs.push(with_measures(self.stored(&report), &measures));
                let count = runs.len().min(baseline::MOST_RUNS);
                baseline::write(&baseline::of(runs), path)?;
                report
                    .notes
                    .push(format!("saved as run {count} of {}", path.display()));
            } else {
                report
                    .notes
                    .push(format!("not saved to {}", path.display()));
            }
        }
        Ok(report)
    }

    fn stored(&self, report: &CheckReport) -> BaselineRun {
        let system = (self.from.is_empty())
            .then(|| nix::sys::utsname::uname().ok())
            .flatten();
        let word = |pick: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
            let word = system
                .as_ref()
                .map(|s| pick(s).to_string_lossy().into_owned());
            word.unwrap_or_default()
        };
        BaselineRun {
            taken: report.run.taken,
            swarmtrace: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: word(|s| s.release()),
            machine: word(|s| s.machine()),
            command_line: self.command_line(),
            nodes: report.run.nodes.clone(),
            connections: report.run.connections,
            measures: Vec::new(),
        }
    }
}

fn render(report: &CheckReport, format: Format) -> Result<String> {
    Ok(match format {
        Format::Text => text::render(report),
        Format::Json => write_line(report)?,
        Format::Junit => junit::render(report)?,
        Format::Markdown => markdown::render(report),
    })
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn lost(lost: Option<u64>) -> String {
    match lost {
        Some(lost) => format!("{lost} events were lost; a larger --buffer helps"),
        None => "lost events were not counted".to_owned(),
    }
}

/// What to know of a baseline before believing it.
fn doubts(baseline: &Baseline) -> Vec<String> {
    let mut doubts = Vec::new();
    let runs = baseline.runs.len();
    if runs < crate::check::statistics::RUNS {
        doubts.push(format!(
            "the baseline has {runs} run{}: how much runs differ by themselves is only \
             guessed from stretches of it; five or more would say",
            if runs == 1 { "" } else { "s" }
        ));
    }
    let kernel = nix::sys::utsname::uname().ok();
    let kernel = kernel.map(|s| s.release().to_string_lossy().into_owned());
    let other = baseline.runs.iter().find(|run| {
        !run.kernel.is_empty() && kernel.as_ref().is_some_and(|kernel| *kernel != run.kernel)
    });
    if let (Some(run), Some(kernel)) = (other, kernel) {
        doubts.push(format!(
            "the baseline was taken on Linux {}, this is {kernel}",
            run.kernel
        ));
    }
    doubts
}
