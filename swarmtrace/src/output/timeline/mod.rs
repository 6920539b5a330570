//! A timeline as a page of text.

mod fates;
pub mod text;
mod words;
