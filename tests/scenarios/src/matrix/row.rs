//! A row of the matrix, as the tests' program hands it over: what was tried on one
//! kernel with one Docker, and what came of it.

use serde::{Deserialize, Serialize};

use swarm_vm::{Debian, Kernel};

/// What came of one kernel with one Docker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The kernel's release, or its series where it did not come up.
    pub kernel: String,
    /// Docker's version, or whose Docker it would have been.
    pub docker: String,
    /// What was tried, in order.
    pub checks: Vec<Check>,
    /// The programs, by name.
    pub programs: Vec<Program>,
    /// What `swarmtrace features` misses there.
    pub missing: Vec<String>,
}

/// Something that was tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// What went wrong; empty if nothing did.
    pub wrong: Vec<String>,
    /// A word on what was done.
    pub note: String,
    /// How long it took.
    pub seconds: f64,
}

/// A program of the kernel side, as that kernel took it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Instructions that the verifier looked at, where the kernel tells.
    pub verified_instructions: Option<u32>,
    /// Why it was refused, where it was.
    pub refused: Option<String>,
}

impl Row {
    /// A row that could not even be begun.
    pub fn failed(kernel: Kernel, debian: Debian, why: String) -> Self {
        let check = Check {
            name: CHECKS[0].to_owned(),
            wrong: vec![why],
            ..Check::default()
        };
        Self {
            kernel: kernel.name().to_owned(),
            docker: format!("Debian {}'s", debian.name()),
            checks: vec![check],
            ..Self::default()
        }
    }

    /// Whether everything was tried and nothing went wrong.
    pub fn passed(&self) -> bool {
        CHECKS.iter().all(|name| {
            let check = self.check(name);
            check.is_some_and(|check| check.wrong.is_empty())
        })
    }

    /// The check of that name, if it was tried.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }
}

/// Everything that is tried.
pub const CHECKS: [&str; 5] = ["up", "load", "trace", "clean-up", "scenarios"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_tried_did_not_pass() {
        let mut row = Row::failed(Kernel::V5_10, Debian::Trixie, "no".to_owned());
        assert!(!row.passed());
        row.checks = CHECKS
            .map(|name| Check {
                name: name.to_owned(),
                ..Check::default()
            })
            .into();
        assert!(row.passed());
        row.checks.pop();
        assert!(!row.passed());
    }
}
