//! Which format a report is printed in.

use super::{junit, markdown, text};
use crate::recording::{CheckReport, write_line};
use clap::ValueEnum;
use std::path::PathBuf;

/// How `check` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A table for people
    Text,
    /// One JSON object
    Json,
    /// JUnit XML, a testcase for each assertion and comparison
    Junit,
    /// Markdown, for a pull request
    Markdown,
}

impl ReportFormat {
    /// Reads `junit=report.xml`: a format, and the file that it goes to.
    ///
    /// # Errors
    /// Errors if the format is unknown or the file's name is missing.
    pub fn with_file(text: &str) -> Result<(Self, PathBuf), String> {
        let expected = || "expected a format and a file, like junit=report.xml".to_owned();
        let (format, file) = text.split_once('=').ok_or_else(expected)?;
        let format = Self::from_str(format, false).map_err(|_| {
            let names = Self::value_variants().iter();
            let names = names.filter_map(ValueEnum::to_possible_value);
            let names: Vec<String> = names.map(|n| n.get_name().to_owned()).collect();
            format!("{format:?} is no format; there are {}", names.join(", "))
        })?;
        if file.is_empty() {
            return Err(expected());
        }
        Ok((format, PathBuf::from(file)))
    }
}

/// The report in that format.
///
/// # Errors
/// Errors if the report cannot be represented in it.
pub fn render(report: &CheckReport, format: ReportFormat) -> anyhow::Result<String> {
    Ok(match format {
        ReportFormat::Text => text::render(report),
        ReportFormat::Json => write_line(report)?,
        ReportFormat::Junit => junit::render(report)?,
        ReportFormat::Markdown => markdown::render(report),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_format_and_a_file() {
        let report = ReportFormat::with_file("junit=a=b.xml");
        assert_eq!(report, Ok((ReportFormat::Junit, PathBuf::from("a=b.xml"))));
        for bad in ["junit", "junit=", "=a", "xml=a"] {
            assert!(ReportFormat::with_file(bad).is_err(), "{bad}");
        }
    }
}
