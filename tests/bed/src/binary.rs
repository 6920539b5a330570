//! Where the `swarmtrace` binary under test is.
//!
//! The tests run the program as its users do, so they need it built. They take
//! the one that [`choose`] names, else `SWARMTRACE_BIN` if set, else the newest of
//! `release` and `debug` next to the test's own executable.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Makes `binary` the one under test, for the rest of this process.
pub fn choose(binary: PathBuf) {
    CHOSEN.get_or_init(|| binary);
}

/// The path of the binary to test.
///
/// # Panics
/// Panics with the command that builds it if there is none.
pub fn swarmtrace_binary() -> PathBuf {
    if let Some(path) = CHOSEN.get() {
        return path.clone();
    }
    if let Some(path) = std::env::var_os("SWARMTRACE_BIN") {
        let path = PathBuf::from(path);
        assert!(
            path.is_file(),
            "SWARMTRACE_BIN={} is not a file",
            path.display()
        );
        return path.canonicalize().expect("SWARMTRACE_BIN can be resolved");
    }
    let target = target_folder();
    let built = ["release", "debug"]
        .map(|profile| target.join(profile).join("swarmtrace"))
        .into_iter()
        .filter_map(|path| Some((modified(&path)?, path)))
        .max();
    match built {
        Some((_, path)) => path,
        None => panic!(
            "no swarmtrace in {}/{{release,debug}}: run `cargo build --release` first \
             (`cargo xtask test` does), or set SWARMTRACE_BIN",
            target.display()
        ),
    }
}

/// `target/`, in which this executable is `<profile>/<program>` or
/// `<profile>/deps/<test>`.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this executable");
    let mut folders = program.ancestors().skip(1);
    let inner = ["deps", "examples"];
    let profile = folders.find(|folder| !inner.iter().any(|name| folder.ends_with(name)));
    let target = profile.and_then(Path::parent).map(Path::to_owned);
    target.expect("this executable is in target/<profile>")
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
