//! `cargo xtask docs`: writes the generated pages of docs/ anew.
//!
//! Each page is written by the test that otherwise compares it with its source.

use anyhow::Result;
use swarm_vm::step::Step;
use swarmtrace_programs as programs;

/// Variable that makes those tests write instead of compare.
const WRITE: &str = "SWARMTRACE_WRITE_DOCS";

/// A page, and the test that writes it.
struct Page {
    name: &'static str,
    test: &'static str,
}

const PAGES: [Page; 2] = [
    Page {
        name: "docs/failures.md",
        test: "failures_page",
    },
    Page {
        name: "docs/json.md",
        test: "formats",
    },
];

/// Writes them.
///
/// # Errors
/// Errors if a test does not build or cannot write.
pub fn run() -> Result<()> {
    for page in &PAGES {
        let step = Step::start(page.name);
        let mut command = programs::cargo(&["test", "--quiet"])?;
        command.args(["--workspace", "--exclude", "swarmtrace-ebpf"]);
        programs::run(command.args(["--test", page.test]).env(WRITE, "1"))?;
        step.done();
    }
    Ok(())
}
