//! Each program as the kernel loaded it: what the verifier had to walk, and how large
//! the program is.

use super::error::Error;
use super::programs::Programs;
use aya::programs::{Program, ProgramError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The program that the benchmark compares the others with.
const BENCHMARK: &str = swarmtrace_common::names::programs::NOTHING;

/// A program of the kernel side, as the running kernel loaded it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LoadedProgram {
    /// Its name.
    pub name: String,
    /// Whether it is for devices; else it is for a tracepoint.
    pub is_tap: bool,
    /// Instructions that the verifier walked, on every path: its limit is a million.
    /// None before Linux 5.16, which does not report it.
    pub verified_instructions: Option<u32>,
    /// Instructions after the verifier's rewrites.
    pub instructions: Option<u32>,
    /// Bytes of machine code; none if the kernel interprets the program.
    pub compiled_bytes: Option<u32>,
    /// Why the kernel refused it, in one line.
    pub refused: Option<String>,
    /// The verifier's log of a refused program, many lines.
    #[serde(skip)]
    pub log: Option<String>,
}

/// Loads every program that is not loaded yet, and asks the kernel about each. Refused
/// programs are listed too.
pub fn inventory(programs: &mut Programs) -> Vec<LoadedProgram> {
    let mut all: Vec<_> = (programs.all())
        .filter(|(name, _)| *name != BENCHMARK)
        .map(|(name, program)| examine(name, program))
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn examine(name: &str, program: &mut Program) -> LoadedProgram {
    let result = match program {
        Program::SchedClassifier(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    };
    let facts = match result {
        Ok(()) | Err(ProgramError::AlreadyLoaded) => program.info(),
        Err(error) => Err(error),
    };
    let mut loaded = LoadedProgram {
        name: name.to_owned(),
        is_tap: matches!(program, Program::SchedClassifier(_)),
        ..LoadedProgram::default()
    };
    match facts {
        Ok(facts) => {
            loaded.verified_instructions = facts.verified_instruction_count();
            // An instruction is 8 bytes, and the size is in bytes.
            loaded.instructions = facts.size_translated().map(|bytes| bytes / 8);
            loaded.compiled_bytes = Some(facts.size_jitted()).filter(|bytes| *bytes > 0);
        }
        // The kernel and the program are printed beside it already.
        Err(error) => match Error::of_program(name, error) {
            Error::Verifier { reason, log, .. } => {
                loaded.refused = Some(reason);
                loaded.log = Some(log);
            }
            other => loaded.refused = Some(other.to_string()),
        },
    }
    loaded
}
