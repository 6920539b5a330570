//! Prints the kernel side's diagnostics (`-v`) on standard error.

use log::{Log, Metadata, Record};

/// A logger for [`aya_log::EbpfLogger`].
pub struct Stderr;

impl Log for Stderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        eprintln!("kernel side: {}: {}", record.level(), record.args());
    }

    fn flush(&self) {}
}
