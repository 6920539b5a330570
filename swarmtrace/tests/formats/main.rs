//! The formats of swarmtrace's JSON: their committed schemas, the page that
//! describes them, and recordings of every version that must keep reading.

mod fields;
mod page;
mod recordings;
mod schemas;

use std::path::{Path, PathBuf};

/// A path in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Whether the tests shall write what they compare with.
fn is_writing() -> bool {
    std::env::var_os("SWARMTRACE_WRITE_DOCS").is_some()
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().expect("a file in a folder");
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::write(path, text).expect("written");
}
