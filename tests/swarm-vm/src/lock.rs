//! Locks between processes, each held through a file.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

/// Locks a file, with a line on standard error if it has to wait.
/// Closing the file gives it back.
///
/// # Errors
/// Errors if the file cannot be made or locked.
pub fn take(path: &Path, what: &str) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            eprintln!("  waiting for another run that is {what}");
            file.lock()
                .with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Err(std::fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    Ok(file)
}
