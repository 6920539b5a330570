//! Locks between runs of these chores.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

/// Takes the lock that a file stands for, and says so when it has to wait.
/// Closing the file gives it back.
///
/// # Errors
/// When the file cannot be made or locked.
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
