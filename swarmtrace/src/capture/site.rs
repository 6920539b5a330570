//! What is tapped: the shapes in which callers ask for taps and are answered.

use std::path::PathBuf;

/// A device to tap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapSite {
    /// Inode of the device's network namespace.
    pub netns_inode: u32,
    /// A file that opens that namespace: an nsfs mount or `/proc/PID/ns/net`.
    pub netns_path: PathBuf,
    /// The device's index within the namespace.
    pub ifindex: u32,
    /// The device's name, for people.
    pub device: String,
    /// Whether its frames carry an Ethernet header.
    pub has_ethernet: bool,
}

impl TapSite {
    /// What identifies it: namespace inode and device index.
    pub fn id(&self) -> TapId {
        (self.netns_inode, self.ifindex)
    }
}

/// Namespace inode and device index.
pub type TapId = (u32, u32);

/// How programs are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttachMode {
    /// tcx where the kernel has it (6.6) and there are few devices, else clsact.
    #[default]
    Auto,
    /// tcx links.
    Tcx,
    /// Filters on a clsact qdisc.
    Clsact,
}

/// What a reconciliation did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Newly attached, or attached again after somebody had removed them.
    pub attached: Vec<TapId>,
    /// No longer attached: not wanted, or gone with device or namespace.
    pub detached: Vec<TapId>,
    /// Wanted but not attached, and why: gaps in what can be seen.
    pub failed: Vec<(TapSite, String)>,
}
