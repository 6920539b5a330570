//! What to trace, and when a trace ends.

use crate::flow::Options;
use crate::selection::Wanted;
use std::time::Duration;
use swarmtrace_common::Mode;

/// What to trace and how.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// The flows that are selected.
    pub wanted: Wanted,
    /// Where no service, port or network is named: all traffic of the Swarm, rather
    /// than that of the services that Docker knows. Connections between the node's
    /// own processes and the outside are then left out.
    pub whole_swarm: bool,
    /// How much of each flow is reported.
    pub mode: Mode,
    /// One flow in this many; 1 is all.
    pub sample: u32,
    /// Size of the ring buffer in bytes.
    pub ring_bytes: u32,
    /// The ring buffer is read at least this often.
    pub poll: Duration,
    /// Print the kernel side's own messages.
    pub verbose: bool,
}

/// What ends a trace, besides SIGINT, SIGTERM and SIGHUP.
#[derive(Clone, Debug, Default)]
pub struct TraceLimits {
    /// That many connections were counted; see [`Driver::count`](super::Driver::count).
    pub count: Option<u64>,
    /// That much time passed since every tap was in place.
    pub duration: Option<Duration>,
    /// This command exited: a program and its arguments, or nothing. While it runs,
    /// `count` does not end the trace.
    pub command: Vec<String>,
}

/// How flows become judged timelines.
#[derive(Clone, Debug, Default)]
pub struct DriverOptions {
    /// What ends the trace.
    pub limits: TraceLimits,
    /// How long the correlator waits for what.
    pub flows: Options,
    /// How long a finished flow waits before it is judged, so that Docker's word on
    /// its task has come in and the kernel re-verifies the taps once for many flows.
    pub settle: Duration,
    /// Whether every connection that began before the end is traced to its outcome,
    /// and whether later revisions of counted connections are handed out, too.
    pub complete: bool,
}
