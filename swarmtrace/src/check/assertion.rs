//! A parsed assertion.

use std::fmt;

/// One assertion: which connections, which figure of them, and its limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    /// The text that the user wrote.
    pub text: String,
    /// Which connections.
    pub scope: Scope,
    /// Which figure of them.
    pub metric: Metric,
    /// How the figure must compare with the limit.
    pub operator: Operator,
    /// The limit.
    pub limit: Limit,
}

/// Which connections an assertion is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of every backend of every service, each backend by itself.
    Each,
    /// All connections together.
    All,
    /// All of a service's connections together.
    Service(String),
    /// One backend's connections.
    Backend(String),
}

/// A figure of connections.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric {
    /// A statistic of times.
    Time(Time, Statistic),
    /// A number of occurrences.
    Count(Count),
}

/// A time that every connection has one or more of.
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

/// A statistic of many times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The time that this percentage of all does not exceed.
    Percentile(f64),
    /// The shortest.
    Min,
    /// The longest.
    Max,
    /// The arithmetic mean.
    Mean,
}

/// An occurrence that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Connections whose SYN was answered by a reset.
    RstHandshake,
    /// Connections with a reset.
    RstTotal,
    /// Retransmitted SYNs.
    RetransmitSyn,
    /// Retransmitted SYNs, SYN-ACKs and first data segments.
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
    /// Every count with its name in assertions.
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
pub enum Operator {
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

impl Operator {
    /// Every operator with its sign, longer signs first.
    pub const SIGNS: [(&'static str, Self); 6] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        (">", Self::More),
    ];

    /// Whether `figure` compares in this way with `limit`.
    #[expect(
        clippy::float_cmp,
        reason = "counts are whole, and `==` means what it says"
    )]
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

/// The limit that a figure is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Nanoseconds.
    Time(f64),
    /// A plain number.
    Count(f64),
    /// Percent of the connections; for `lost`, of the events.
    Percent(f64),
}

impl Assertion {
    /// Whether it is about events that the trace itself lost.
    pub fn is_about_loss(&self) -> bool {
        self.metric == Metric::Count(Count::Lost)
    }

    /// `lost == 0`: holds for every trace unless the user asserts otherwise.
    pub fn nothing_lost() -> Self {
        Self {
            text: "lost == 0".to_owned(),
            scope: Scope::All,
            metric: Metric::Count(Count::Lost),
            operator: Operator::Equal,
            limit: Limit::Count(0.0),
        }
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
