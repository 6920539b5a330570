//! How long the correlator waits for what, and how much it keeps.

use crate::sys::clock::Nanos;
use std::time::Duration;

/// Settings of a [`Correlator`](super::Correlator).
#[derive(Clone, Debug)]
pub struct Options {
    /// How far apart in time two CPUs' events may arrive out of order. Events
    /// are held back that long and put in order.
    pub reorder: Duration,
    /// How long after its first packet a flow without an answer is emitted.
    pub unanswered: Duration,
    /// How long an established connection without data is waited for.
    pub idle: Duration,
    /// How long an answer to the client's first data is waited for.
    pub response: Duration,
    /// How long the last packet's remaining hops are waited for.
    pub linger: Duration,
    /// UDP: a datagram after that much silence begins a new exchange.
    pub quiet: Duration,
    /// How long a connection that was emitted is remembered without a packet,
    /// so that a late reset still finds it.
    pub forget: Duration,
    /// How many flows are kept; beyond it the oldest are dropped and counted.
    pub max_flows: usize,
    /// Whether a reset of a connection that is not known begins a flow of its
    /// own: one that began before the trace, or was forgotten meanwhile.
    pub unknown_resets: bool,
    /// Whether flows are emitted only if they were refused, reset or not
    /// answered, or had to send again.
    pub failures_only: bool,
    /// How long a flow is kept after a reset: whatever was still under way is
    /// answered with more of them.
    pub after_reset: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reorder: Duration::from_millis(2),
            unanswered: Duration::from_secs(3),
            idle: Duration::from_secs(1),
            response: Duration::from_secs(3),
            linger: Duration::from_millis(50),
            quiet: Duration::from_secs(1),
            forget: Duration::from_mins(30),
            max_flows: 65_536,
            unknown_resets: false,
            failures_only: false,
            after_reset: Duration::ZERO,
        }
    }
}

/// [`Options`], with times as the correlator compares them.
#[derive(Clone, Debug)]
pub(super) struct Waits {
    pub reorder: Nanos,
    pub unanswered: Nanos,
    pub idle: Nanos,
    pub response: Nanos,
    pub linger: Nanos,
    pub quiet: Nanos,
    pub forget: Nanos,
    pub after_reset: Nanos,
    pub unknown_resets: bool,
    pub failures_only: bool,
}

impl From<&Options> for Waits {
    fn from(options: &Options) -> Self {
        Self {
            reorder: options.reorder.into(),
            unanswered: options.unanswered.into(),
            idle: options.idle.into(),
            response: options.response.into(),
            linger: options.linger.into(),
            quiet: options.quiet.into(),
            forget: options.forget.into(),
            after_reset: options.after_reset.into(),
            unknown_resets: options.unknown_resets,
            failures_only: options.failures_only,
        }
    }
}
