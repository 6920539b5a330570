//! The command line of `check` → what is to be judged.

use super::Args;
use crate::check::{Assertion, Request, Rules, Save, baseline, parse};
use anyhow::{Result, bail};
use std::path::PathBuf;

impl Args {
    /// What to judge.
    ///
    /// # Errors
    /// Errors if an assertion or a file cannot be read, if there is nothing to judge, or
    /// if nothing ends the trace.
    pub(super) fn request(&self) -> Result<Request> {
        let mut assertions = Vec::new();
        for text in &self.asserts {
            assertions.push(parse::assertion(text)?);
        }
        if let Some(path) = &self.assertions {
            assertions.extend(parse::file(path)?);
        }
        if assertions.is_empty() && self.baseline.is_none() && self.save_baseline.is_none() {
            bail!("nothing to check: give --assert, --baseline or --save-baseline");
        }
        if !assertions.iter().any(Assertion::is_about_loss) {
            assertions.push(Assertion::nothing_lost());
        }
        let bounded = self.selection.duration.is_some() || self.selection.count.is_some();
        if !bounded && self.from.is_empty() && self.command.is_empty() {
            bail!("say when to stop: --duration, --count, or -- COMMAND (or --from FILE)");
        }
        let live = self.from.is_empty();
        let save = |path: &PathBuf| Save::prepare(path, baseline::describe(live));
        Ok(Request {
            assertions,
            rules: Rules {
                tolerance: self.tolerance,
                least: self.min_samples,
            },
            baseline: self.baseline.as_deref().map(baseline::read).transpose()?,
            save: self.save_baseline.as_ref().map(save).transpose()?,
        })
    }
}
