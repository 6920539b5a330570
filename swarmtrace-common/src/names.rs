//! Names of the kernel side's programs, maps and variables, by which user space
//! finds them in the object. (On the kernel side they are identifiers; a test of
//! `bpf-meter` holds both against each other.) The kernel keeps 15 characters of a
//! program's or map's name.

/// Name prefix of every program and filter that swarmtrace attaches. Sweeps for
/// leftovers recognise them by it.
pub const NAME_PREFIX: &str = "swarmtrace";

/// Programs.
pub mod programs {
    /// tc ingress of a device with Ethernet frames.
    pub const TAP_IN: &str = "swarmtrace_in";
    /// tc egress of a device with Ethernet frames.
    pub const TAP_OUT: &str = "swarmtrace_out";
    /// tc ingress of a device without a link layer.
    pub const TAP_IN_L3: &str = "swarmtrace_in3";
    /// tc egress of a device without a link layer.
    pub const TAP_OUT_L3: &str = "swarmtrace_out3";
    /// Tracepoint `skb:kfree_skb`.
    pub const DROP: &str = "swarmtrace_drop";
    /// Tracepoint `tcp:tcp_send_reset`.
    pub const RESET: &str = "swarmtrace_rst";
    /// Does nothing: what benchmarks compare the taps with.
    pub const NOTHING: &str = "swarmtrace_nop";

    /// All of them.
    pub const ALL: [&str; 7] = [TAP_IN, TAP_OUT, TAP_IN_L3, TAP_OUT_L3, DROP, RESET, NOTHING];
}

/// Maps that user space reads or fills.
pub mod maps {
    /// The ring buffer of events.
    pub const EVENTS: &str = "EVENTS";
    /// See [`counters`](crate::counters).
    pub const COUNTERS: &str = "COUNTERS";
    /// The one [`Settings`](crate::Settings).
    pub const SETTINGS: &str = "SETTINGS";
    /// The one [`PortSet`](crate::PortSet).
    pub const PORTS: &str = "PORTS";
    /// Each [`Endpoint`](crate::Endpoint) that is traced.
    pub const ENDPOINTS: &str = "ENDPOINTS";

    /// All of them.
    pub const ALL: [&str; 5] = [EVENTS, COUNTERS, SETTINGS, PORTS, ENDPOINTS];
}

/// Variables that user space sets before it loads the programs.
pub mod globals {
    /// The [`Offsets`](crate::Offsets).
    pub const OFFSETS: &str = "OFFSETS";
    /// The [`FateOffsets`](crate::FateOffsets).
    pub const FATE_OFFSETS: &str = "FATE_OFFSETS";
    /// A CPU wakes the reader with every so many events: a power of two, `u32`.
    pub const WAKE_EVERY: &str = "WAKE_EVERY";

    /// All of them.
    pub const ALL: [&str; 3] = [OFFSETS, FATE_OFFSETS, WAKE_EVERY];
}
