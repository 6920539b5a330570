//! What swarmtrace prints: one folder a subject, one file a format.
//!
//! Text for people is rendered with ANSI styles, and loses them on its way out
//! where standard output is not a terminal or `NO_COLOR` is set.

pub mod check;
mod columns;
pub mod doctor;
pub mod features;
mod format;
pub mod latency;
pub mod notes;
pub mod probe;
pub mod rst;
pub mod schema;
pub mod style;
pub mod table;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod topology;
mod units;
pub mod verdict;

pub use format::OutputFormat;

use std::io::{self, Write};

/// Writes to standard output. A reader that closed its end (`| head`) is not an
/// error.
///
/// # Errors
/// Errors if standard output cannot be written for any other reason.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
