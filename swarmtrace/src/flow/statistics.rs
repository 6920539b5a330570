//! What a correlator counts, and what is counted for it.

use crate::sys::clock::Mono;

/// What a correlator counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Statistics {
    /// Events pushed.
    pub events: u64,
    /// Events of flows whose beginning was not seen, or that fit two flows; drops
    /// and resets that belong to none.
    pub unplaced: u64,
    /// Events that were reported twice.
    pub duplicates: u64,
    /// Sightings not kept because a flow had too many.
    pub omitted: u64,
    /// Flows dropped because there were too many.
    pub evicted: u64,
    /// Flows begun.
    pub begun: u64,
    /// Flows kept now.
    pub live: usize,
    /// Sightings kept now.
    pub sightings: usize,
    /// Bytes held for the flows kept now, indexes included.
    pub bytes: usize,
}

/// Events that never arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// How many.
    pub count: u64,
    /// They happened no later than that. Events that are older may still be on
    /// their way.
    pub by: Mono,
}
