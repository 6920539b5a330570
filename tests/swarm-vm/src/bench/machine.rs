//! The machine that figures are of.

use std::fmt;

use anyhow::Result;
use serde::Serialize;
use swarmtrace_programs as programs;

/// A machine, as far as it matters for figures.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// `uname -srm`.
    pub kernel: String,
    /// The processor's model, if the kernel names it.
    pub processor: Option<String>,
    /// How many processors this process may use.
    pub processors: usize,
}

impl Machine {
    /// This machine.
    ///
    /// # Errors
    /// Errors if `uname` cannot be run.
    pub fn this() -> Result<Self> {
        let uname = programs::text(programs::command("uname")?.arg("-srm"))?;
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|l| l.strip_prefix("model name"));
        Ok(Self {
            kernel: uname.trim().to_owned(),
            processor: model.map(|m| m.trim_start_matches([' ', '\t', ':']).to_owned()),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let processor = self.processor.as_deref().unwrap_or("?");
        write!(
            f,
            "{} processors, {processor}, {}",
            self.processors, self.kernel
        )
    }
}
