//! What the kernel made of each program: what its verifier had to look at, and
//! how large the program is.

use super::error::Error;
use super::programs::Programs;
use aya::programs::{Program, ProgramError};
use serde::Serialize;

/// What the benchmark compares the others with; no user needs it.
const BENCHMARK: &str = "swarmtrace_nop";

/// A program of the kernel side, as the running kernel took it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoadedProgram {
    /// Its name.
    pub name: String,
    /// Whether it is attached to devices; else it is to a tracepoint.
    pub is_tap: bool,
    /// Instructions that the verifier looked at, paths counted each: its limit is
    /// a million. Kernels before 5.16 do not tell.
    pub verified_instructions: Option<u32>,
    /// Instructions as the kernel keeps them.
    pub instructions: Option<u32>,
    /// Bytes of machine code; none where the kernel interprets.
    pub compiled_bytes: Option<u32>,
    /// Why the kernel did not take it, in one line.
    pub refused: Option<String>,
    /// All that the verifier said of what it refused, many lines.
    #[serde(skip)]
    pub log: Option<String>,
}

/// Loads every program that is not loaded yet, and asks the kernel about each;
/// those that it refuses are among them.
pub fn inventory(programs: &mut Programs) -> Vec<LoadedProgram> {
    let mut all: Vec<_> = (programs.object().programs_mut())
        .filter(|(name, _)| *name != BENCHMARK)
        .map(|(name, program)| examine(name, program))
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn examine(name: &str, program: &mut Program) -> LoadedProgram {
    let loaded = match program {
        Program::SchedClassifier(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        _ => Err(ProgramError::UnexpectedProgramType),
    };
    let facts = match loaded {
        Ok(()) | Err(ProgramError::AlreadyLoaded) => program.info(),
        Err(error) => Err(error),
    };
    let mut told = LoadedProgram {
        name: name.to_owned(),
        is_tap: matches!(program, Program::SchedClassifier(_)),
        ..LoadedProgram::default()
    };
    match facts {
        Ok(facts) => {
            told.verified_instructions = facts.verified_instruction_count();
            // An instruction is 8 bytes, and the size is in bytes.
            told.instructions = facts.size_translated().map(|bytes| bytes / 8);
            told.compiled_bytes = Some(facts.size_jitted()).filter(|bytes| *bytes > 0);
        }
        // The kernel and the program are said beside it already.
        Err(error) => match Error::of_program(name, error) {
            Error::Verifier { reason, log, .. } => {
                told.refused = Some(reason);
                told.log = Some(log);
            }
            other => told.refused = Some(other.to_string()),
        },
    }
    told
}
