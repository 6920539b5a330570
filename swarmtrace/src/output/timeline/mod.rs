//! A timeline as a page of text.

mod fates;
mod printer;
pub mod text;
mod words;

pub use printer::TimelinePrinter;
