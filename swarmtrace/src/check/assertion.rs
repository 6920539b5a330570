//! What an assertion says, once it is understood.

use std::fmt;

/// One assertion: over whose connections, which figure, and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    /// As the user wrote it.
    pub text: String,
    /// Over whose connections.
    pub scope: Scope,
    /// Which figure.
    pub metric: Metric,
    /// How it must compare.
    pub comparison: Comparison,
    /// With what.
    pub limit: Limit,
}

/// Over whose connections an assertion is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every backend of every service, each by itself.
    Each,
    /// All connections together.
    All,
    /// All of a service's connections together.
    Service(String),
    /// One backend's.
    Backend(String),
}

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric {
    /// Of times.
    Time(Time, Statistic),
    /// Of events.
    Count(Count),
}

/// What is timed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Time {
    /// SYN to SYN-ACK.
    Handshake,
    /// First data to first data back.
    FirstByte,
    /// From the hop before to that hop.
    Hop {
        /// The hop's name, or part of it.
        name: String,
        /// On the way back to the client.
        back: bool,
    },
    /// From one hop of a packet to a later one.
    Edge {
        /// The earlier hop's name.
        from: String,
        /// The later hop's name.
        to: String,
    },
}

/// Which figure of many times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// That part of 100 was no longer.
    Percentile(f64),
    /// The shortest.
    Min,
    /// The longest.
    Max,
    /// The arithmetic mean.
    Mean,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Connections whose SYN was answered by a reset.
    RstHandshake,
    /// Connections with a reset.
    RstTotal,
    /// SYNs that were sent again.
    RetransmitSyn,
    /// SYNs, SYN-ACKs and first data segments that were sent again.
    RetransmitTotal,
    /// Connections.
    Connections,
    /// Connections that were refused, reset, unreachable or not answered.
    Failed,
    /// Connections whose client got no answer.
    Unanswered,
    /// Events that were lost between kernel and user space.
    Lost,
}

impl Count {
    /// Each with its name in assertions.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("rst.handshake", Self::RstHandshake),
        ("rst.total", Self::RstTotal),
        ("retransmit.syn", Self::RetransmitSyn),
        ("retransmit.total", Self::RetransmitTotal),
        ("connections", Self::Connections),
        ("failed", Self::Failed),
        ("unanswered", Self::Unanswered),
        ("lost", Self::Lost),
    ];
}

/// How a figure must compare with the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// Each with its sign, longer signs first.
    pub const SIGNS: [(&'static str, Self); 6] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        (">", Self::More),
    ];

    /// Whether `figure` compares so with `limit`.
    pub fn holds(self, figure: f64, limit: f64) -> bool {
        match self {
            Self::Less => figure < limit,
            Self::AtMost => figure <= limit,
            Self::More => figure > limit,
            Self::AtLeast => figure >= limit,
            Self::Equal => figure == limit,
            Self::NotEqual => figure != limit,
        }
    }
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Nanoseconds.
    Time(f64),
    /// A plain number.
    Count(f64),
    /// Parts of a hundred: of the connections, or for `lost` of the events.
    Percent(f64),
}

impl Assertion {
    /// Whether it is about what was lost of the trace itself.
    pub fn is_about_loss(&self) -> bool {
        self.metric == Metric::Count(Count::Lost)
    }

    /// Every trace must meet this unless it was asked for something else.
    pub fn nothing_lost() -> Self {
        Self {
            text: "lost == 0".to_owned(),
            scope: Scope::All,
            metric: Metric::Count(Count::Lost),
            comparison: Comparison::Equal,
            limit: Limit::Count(0.0),
        }
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
