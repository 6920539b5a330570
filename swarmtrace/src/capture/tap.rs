//! The shapes in which callers request taps and are answered.

use crate::topology::DeviceRef;
use crate::topology::taps::TapSite;

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
