//! The report of `check`: text, Markdown and JUnit XML.

mod format;
pub mod junit;
pub mod markdown;
pub mod text;
mod words;

pub use format::{ReportFormat, render};
