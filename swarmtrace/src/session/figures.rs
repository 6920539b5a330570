//! What is known of a whole trace, beside its timelines.

/// The figures of a trace, of this node or of several recorded ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceFigures {
    /// Names of the nodes that were traced.
    pub nodes: Vec<String>,
    /// Taps that were in place when it began; `None` of recordings.
    pub taps: Option<usize>,
    /// How long it took, in seconds; 0 of recordings.
    pub seconds: f64,
    /// Connections that had no outcome yet when it ended.
    pub unfinished: u64,
    /// Connections that were seen to begin, by the correlator; 0 of recordings.
    pub begun: u64,
    /// Connections that the correlator had no room for.
    pub evicted: u64,
    /// Events reported.
    pub events: u64,
    /// Events lost; `None` where a recording does not say.
    pub lost: Option<u64>,
    /// The same by CPU; empty of recordings.
    pub lost_by_cpu: Vec<u64>,
    /// What could not be seen.
    pub gaps: Vec<String>,
    /// Recordings that were cut short, each with a line about it.
    pub cut_short: Vec<String>,
}
