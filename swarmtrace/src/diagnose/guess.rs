//! The role of a device that is in no topology: guessed from the hop.

use crate::timeline::{Direction, Hop, Leg, Place};
use crate::topology::Role;

/// The role of a hop's device by what the hop says of itself; `None` if that is
/// not enough.
pub fn guess(hop: &Hop) -> Option<Role> {
    let device = &*hop.device;
    let forward_in = (hop.leg == Leg::Forward) == (hop.way == Direction::Ingress);
    match hop.place {
        Place::Host if device == "docker_gwbridge" => Some(Role::GatewayBridge),
        Place::Host if device.starts_with("vx-") => Some(Role::Vxlan),
        Place::Host if device.starts_with("veth") => Some(Role::GatewayPort),
        // The timeline's name for a device that it did not know either.
        Place::Host if device.starts_with("if") => None,
        Place::Host => Some(Role::Underlay),
        Place::IngressSandbox if forward_in => Some(Role::IngressGateway),
        Place::IngressSandbox => Some(Role::IngressOverlay),
        Place::LoadBalancer => Some(Role::LoadBalancer),
        Place::Overlay if device.starts_with("vx") => Some(Role::Vxlan),
        Place::Overlay => Some(Role::OverlayPort),
        Place::Container => Some(Role::TaskOverlay),
        Place::Unknown => None,
    }
}
