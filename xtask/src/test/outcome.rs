//! How a suite ended: counted from what the test harness prints.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// How a suite ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is no test: it passed, or failed for this reason.
    Step(Option<String>),
    /// It ran tests.
    Tests(Tally),
    /// An option leaves it out.
    LeftOut,
    /// What it needs failed before.
    NotRun,
}

/// What the tests of one suite did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u32,
    /// Tests that were not run: those marked `#[ignore]`.
    pub skipped: u32,
    /// The names of those that failed.
    pub names: Vec<String>,
    /// How a test binary ended, if not well.
    pub ended: Option<String>,
    /// The next lines may be names of failed tests.
    pub listing: bool,
}

impl Outcome {
    /// The outcome of something that is no test.
    pub fn of(done: Result<()>) -> Self {
        Self::Step(done.err().map(|error| format!("{error:#}")))
    }

    /// Whether something in it failed.
    pub fn failed(&self) -> bool {
        match self {
            Self::Step(reason) => reason.is_some(),
            Self::Tests(tally) => tally.failed > 0 || tally.ended.is_some(),
            Self::LeftOut => false,
            Self::NotRun => true,
        }
    }

    /// Why a step failed.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Step(reason) => reason.as_deref(),
            _ => None,
        }
    }
}

impl Tally {
    /// Runs a test binary, passes on what it prints and counts.
    ///
    /// # Errors
    /// Errors if it cannot be started.
    pub fn run(&mut self, test: &mut Command) -> Result<()> {
        let mut child = test
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run a test binary")?;
        let stdout = child.stdout.take().context("its output is piped")?;
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("cannot read what a test prints")?;
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            self.count(&line);
        }
        let status = child.wait()?;
        if !status.success() {
            self.ended = Some(status.to_string());
        }
        Ok(())
    }

    /// Takes in a line that the test harness printed.
    pub fn count(&mut self, line: &str) {
        // The list of failed tests before the result; the lines "test … FAILED" are
        // not whole where a test's programs print.
        match line.strip_prefix("    ") {
            _ if line == "failures:" => self.listing = true,
            Some(name) if self.listing => self.names.push(name.to_owned()),
            _ => self.listing = self.listing && line.is_empty(),
        }
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        // `12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; …`
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u32>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binaries_of_a_suite_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test tests::one ... ok",
            "test tests::two ... a program prints",
            "FAILED",
            "test three ... ignored, started by another test",
            "failures:",
            "",
            "---- tests::two stdout ----",
            "    at src/lib.rs",
            "failures:",
            "    tests::two",
            "",
            "test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: ok. 20 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.00s",
        ] {
            tally.count(line);
        }
        let expected = Tally {
            passed: 21,
            failed: 1,
            skipped: 1,
            names: vec!["tests::two".to_owned()],
            ..Tally::default()
        };
        assert_eq!(tally, expected);
    }
}
