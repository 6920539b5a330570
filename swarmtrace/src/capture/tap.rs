//! The shapes in which callers request taps and are answered.

use crate::topology::DeviceRef;
use std::path::PathBuf;

/// A device to tap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapSite {
    /// Which device: namespace inode and device index.
    pub at: DeviceRef,
    /// A file that opens its namespace: an nsfs mount or `/proc/PID/ns/net`.
    pub netns_path: PathBuf,
    /// The device's name, for messages.
    pub device: String,
    /// Whether its frames begin with an Ethernet header.
    pub has_ethernet: bool,
}

/// How programs are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttachMode {
    /// tcx if the kernel has it (6.6) and there are few devices, else clsact.
    #[default]
    Auto,
    /// tcx links.
    Tcx,
    /// Filters on a clsact qdisc.
    Clsact,
}

/// What a reconciliation changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Newly attached, or attached again after somebody had removed them.
    pub attached: Vec<DeviceRef>,
    /// No longer attached: not wanted, or gone with device or namespace.
    pub detached: Vec<DeviceRef>,
    /// Wanted but not attached, and why: gaps in the coverage.
    pub failed: Vec<(TapSite, String)>,
}
