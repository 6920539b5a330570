//! The loaded programs: one for each direction and kind of device, and those on
//! tracepoints.
//!
//! Those for Ethernet devices are loaded at once; those for devices without a
//! link layer only when the first such device is tapped, which on most nodes is
//! never.

use super::error::Error;
use aya::Ebpf;
use aya::maps::{Map, MapError};
use aya::programs::raw_trace_point::RawTracePointLink;
use aya::programs::{Program, ProgramError, RawTracePoint, SchedClassifier};
use std::io;
use swarmtrace_common::Direction;
use swarmtrace_common::names::programs;

/// Each program on a tracepoint, its tracepoint, and what is not seen without it.
pub const TRACEPOINTS: [(&str, &str, &str); 2] = [
    (programs::DROP, "kfree_skb", "packets that the kernel drops"),
    (
        programs::RESET,
        "tcp_send_reset",
        "resets that the kernel sends",
    ),
];

/// The programs and maps of one loaded object.
pub struct Programs {
    object: Ebpf,
}

impl Programs {
    /// Takes the object, and loads the programs for Ethernet devices.
    ///
    /// # Errors
    /// [`Error::Verifier`] if the kernel refuses one.
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
    /// Errors if it had to be loaded and the kernel refused it.
    pub fn get(
        &mut self,
        has_ethernet: bool,
        direction: Direction,
    ) -> io::Result<(&'static str, &mut SchedClassifier)> {
        let name = name(has_ethernet, direction);
        Ok((name, self.loaded(name).map_err(io::Error::other)?))
    }

    /// Every program of the object.
    pub fn all(&mut self) -> impl Iterator<Item = (&str, &mut Program)> {
        self.object.programs_mut()
    }

    /// A map, to be read.
    ///
    /// # Errors
    /// [`Error::Object`] if there is no such map of that type.
    pub fn map<'a, T>(&'a self, name: &str) -> Result<T, Error>
    where
        T: TryFrom<&'a Map, Error = MapError>,
    {
        let map = self.object.map(name).ok_or_else(|| Error::no_map(name))?;
        T::try_from(map).map_err(Error::of_map)
    }

    /// A map, to be changed.
    ///
    /// # Errors
    /// [`Error::Object`] if there is no such map of that type.
    pub fn map_mut<'a, T>(&'a mut self, name: &str) -> Result<T, Error>
    where
        T: TryFrom<&'a mut Map, Error = MapError>,
    {
        let map = self.object.map_mut(name);
        T::try_from(map.ok_or_else(|| Error::no_map(name))?).map_err(Error::of_map)
    }

    /// Attaches a program to a tracepoint, for as long as the link is held.
    ///
    /// # Errors
    /// [`Error::Verifier`] if the kernel refuses it, [`Error::Object`] if the kernel does
    /// not have that tracepoint.
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
        let mut attach = || {
            match program.load() {
                Ok(()) | Err(ProgramError::AlreadyLoaded) => {}
                Err(error) => return Err(error),
            }
            let link = program.attach(tracepoint)?;
            program.take_link(link)
        };
        attach().map_err(|error| Error::of_program(name, error))
    }

    /// A program for devices by name, loaded if it was not.
    ///
    /// # Errors
    /// [`Error::Verifier`] if the kernel refuses it.
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
        (true, Direction::Ingress) => programs::TAP_IN,
        (true, Direction::Egress) => programs::TAP_OUT,
        (false, Direction::Ingress) => programs::TAP_IN_L3,
        (false, Direction::Egress) => programs::TAP_OUT_L3,
    }
}
