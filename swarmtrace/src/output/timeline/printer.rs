//! Timelines one after the other, each with its verdict.

use super::text;
use crate::output::verdict;
use crate::output::{self, OutputFormat};
use crate::recording::{TimelineLine, write_line};
use anyhow::Result;

/// Prints timelines to standard output.
#[derive(Clone, Copy, Debug)]
pub struct TimelinePrinter {
    /// Text, or a line of JSON each.
    pub format: OutputFormat,
    /// What text shows of a timeline.
    pub text: text::Options,
}

impl TimelinePrinter {
    /// Prints a timeline, with what is known of its flow.
    ///
    /// # Errors
    /// Errors if standard output cannot be written to.
    pub fn print(&self, line: &TimelineLine) -> Result<()> {
        let page = match self.format {
            OutputFormat::Text => {
                let verdict = line.verdict.as_ref().map(verdict::text::indented);
                text::render(&line.timeline, &self.text) + &verdict.unwrap_or_default() + "\n"
            }
            OutputFormat::Json => write_line(line)?,
        };
        Ok(output::print(&page)?)
    }
}
