//! One line per step of something slow: what is being done, then how long it
//! took. On a terminal the line stands there while the step runs.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

/// A step under way. Dropped without [`Step::done`], it prints that it failed.
#[must_use = "a step that is dropped at once prints that it failed"]
pub struct Step {
    label: String,
    since: Instant,
    ended: bool,
}

impl Step {
    /// Begins a step.
    pub fn start(label: impl Display) -> Self {
        let label = label.to_string();
        if stderr().is_terminal() {
            eprint!("  {label} …");
            let _ = stderr().flush();
        }
        Self {
            label,
            since: Instant::now(),
            ended: false,
        }
    }

    /// Ends the step well.
    pub fn done(self) {
        self.done_with("");
    }

    /// Ends the step well, with a remark that was not known at its start.
    pub fn done_with(mut self, remark: impl Display) {
        let remark = remark.to_string();
        let label = if remark.is_empty() {
            self.label.clone()
        } else {
            format!("{} ({remark})", self.label)
        };
        self.line(&format!(
            "  {label:<62} {:>6.1} s",
            self.since.elapsed().as_secs_f64()
        ));
    }

    fn line(&mut self, text: &str) {
        self.ended = true;
        if stderr().is_terminal() {
            eprintln!("\r\x1b[K{text}");
        } else {
            eprintln!("{text}");
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.ended {
            let spent = self.since.elapsed().as_secs_f64();
            self.line(&format!("  {:<62} {spent:>6.1} s  failed", self.label));
        }
    }
}
