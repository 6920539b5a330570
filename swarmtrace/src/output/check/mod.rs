//! The report of `check`: text, Markdown and JUnit XML.

pub mod junit;
pub mod markdown;
pub mod text;
mod words;
