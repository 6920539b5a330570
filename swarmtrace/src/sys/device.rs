//! Which device of which namespace.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use swarmtrace_common::PacketEvent;

/// A device in a network namespace. An index alone is only unique within its
/// namespace.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "A device in a namespace.")]
pub struct DeviceRef {
    /// Inode of the namespace.
    #[schemars(description = "[`Namespace::inode`]")]
    pub namespace: u32,
    /// Index of the device in that namespace.
    #[schemars(description = "[`Device::ifindex`]")]
    pub ifindex: u32,
}

impl DeviceRef {
    /// The device of the tap that saw the packet.
    pub const fn of(event: &PacketEvent) -> Self {
        Self {
            namespace: event.netns,
            ifindex: event.ifindex,
        }
    }
}
