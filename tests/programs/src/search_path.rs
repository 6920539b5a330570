//! A folder with a link to each installed program of the table and nothing else:
//! the `PATH` of whatever runs other programs by name.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::find::find;
use crate::folders::target_folder;
use crate::table::{PROGRAMS, program};

/// The folder, brought up to date once in a process.
///
/// # Errors
/// Errors if it cannot be written.
pub fn folder() -> Result<&'static Path> {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    if let Some(folder) = FOLDER.get() {
        return Ok(folder);
    }
    let folder = path()?;
    update(&folder)?;
    Ok(FOLDER.get_or_init(|| folder))
}

/// One for each user: root's links are not an ordinary user's to replace.
fn path() -> Result<PathBuf> {
    let user = fs::metadata("/proc/self")
        .context("cannot read /proc/self")?
        .uid();
    Ok(target_folder().join(format!("programs-{user}")))
}

/// Other processes may do the same at the same time: each step leaves the folder
/// usable, and finding a step done already is no error.
fn update(folder: &Path) -> Result<()> {
    let failed = || format!("cannot write {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    for entry in fs::read_dir(folder).with_context(failed)?.flatten() {
        let known = entry.file_name().to_str().and_then(program).is_some();
        if !known || fs::metadata(entry.path()).is_err() {
            unless(ErrorKind::NotFound, fs::remove_file(entry.path())).with_context(failed)?;
        }
    }
    for program in PROGRAMS {
        if let Ok(file) = find(program.name) {
            let link = symlink(file, folder.join(program.name));
            unless(ErrorKind::AlreadyExists, link).with_context(failed)?;
        }
    }
    Ok(())
}

fn unless(kind: ErrorKind, done: std::io::Result<()>) -> std::io::Result<()> {
    match done {
        Err(error) if error.kind() != kind => Err(error),
        _ => Ok(()),
    }
}
