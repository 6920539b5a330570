//! What is shown and written: a file for each kind of output.
//!
//! Text for people is rendered with ANSI styles and loses them on its way out
//! where standard output is no terminal or `NO_COLOR` is set.

pub mod check_junit;
pub mod check_markdown;
pub mod check_text;
mod check_words;
pub mod doctor_text;
pub mod features_text;
pub mod json;
pub mod latency;
pub mod notes;
pub mod paint;
pub mod probe_text;
pub mod rst;
pub mod style;
pub mod table;
pub mod text;
pub mod topology_dot;
pub mod topology_text;
pub mod verdict;

use std::io::{self, Write};

/// Writes to standard output. A reader that has had enough (`| head`) is no
/// error.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
