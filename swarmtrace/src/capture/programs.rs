//! The loaded programs: one for each direction and kind of device, and those on
//! tracepoints.
//!
//! Those for Ethernet devices are loaded at once; those for devices without a
//! link layer only when the first such device is tapped, which on most nodes is
//! never.

use super::error::Error;
use super::fate;
use aya::Ebpf;
use aya::programs::raw_trace_point::RawTracePointLink;
use aya::programs::{ProgramError, RawTracePoint, SchedClassifier};
use std::io;
use swarmtrace_common::Direction;

/// The programs of one loaded object.
pub struct Programs {
    object: Ebpf,
}

impl Programs {
    /// Takes the object, and loads the programs for Ethernet devices.
    ///
    /// # Errors
    /// [`Error::Verifier`] where the kernel refuses one.
    pub fn load(object: Ebpf) -> Result<Self, Error> {
        let mut programs = Self { object };
        for direction in [Direction::Ingress, Direction::Egress] {
            programs.loaded(name(true, direction))?;
        }
        Ok(programs)
    }

    /// The program for a device, loaded, and its name.
    ///
    /// # Errors
    /// [`Error`] as text where it had to be loaded and could not.
    pub fn get(
        &mut self,
        has_ethernet: bool,
        direction: Direction,
    ) -> io::Result<(&'static str, &mut SchedClassifier)> {
        let name = name(has_ethernet, direction);
        Ok((name, self.loaded(name).map_err(io::Error::other)?))
    }

    /// The object, for its maps.
    pub fn object(&mut self) -> &mut Ebpf {
        &mut self.object
    }

    /// The object, for its maps.
    pub fn object_ref(&self) -> &Ebpf {
        &self.object
    }

    /// Attaches a program to a tracepoint, for as long as the link is held.
    ///
    /// # Errors
    /// [`Error::Verifier`] where the kernel refuses it, [`Error::Object`] where it
    /// has no such tracepoint.
    pub fn trace(
        &mut self,
        name: &'static str,
        tracepoint: &str,
    ) -> Result<RawTracePointLink, Error> {
        let program: &mut RawTracePoint = self
            .object
            .program_mut(name)
            .ok_or(Error::Object(format!("no program {name}")))?
            .try_into()
            .map_err(|error: ProgramError| Error::Object(error.to_string()))?;
        fate::attach(program, tracepoint).map_err(|error| Error::of_program(name, error))
    }

    /// A program by name, loaded if it was not.
    ///
    /// # Errors
    /// [`Error::Verifier`] where the kernel refuses it.
    pub fn loaded(&mut self, name: &'static str) -> Result<&mut SchedClassifier, Error> {
        let program: &mut SchedClassifier = self
            .object
            .program_mut(name)
            .ok_or(Error::Object(format!("no program {name}")))?
            .try_into()
            .map_err(|error: ProgramError| Error::Object(error.to_string()))?;
        match program.load() {
            Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(program),
            Err(error) => Err(Error::of_program(name, error)),
        }
    }
}

fn name(has_ethernet: bool, direction: Direction) -> &'static str {
    match (has_ethernet, direction) {
        (true, Direction::Ingress) => "swarmtrace_in",
        (true, Direction::Egress) => "swarmtrace_out",
        (false, Direction::Ingress) => "swarmtrace_in3",
        (false, Direction::Egress) => "swarmtrace_out3",
    }
}
