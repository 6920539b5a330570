//! The real Swarm on Debian's kernel 6.12 (tcx).

use scenarios::suites::{doctor, flows, life, probe};
use xtask::vm::Kernel;

#[test]
fn routing_mesh() {
    flows::routing_mesh(Kernel::V6_12);
}

#[test]
fn container_to_service() {
    flows::container_to_service(Kernel::V6_12);
}

#[test]
fn host_mode() {
    flows::host_mode(Kernel::V6_12);
}

#[test]
fn udp() {
    flows::udp(Kernel::V6_12);
}

#[test]
fn leaves_nothing() {
    life::leaves_nothing(Kernel::V6_12);
}

#[test]
fn doctor() {
    doctor::doctor(Kernel::V6_12);
}

#[test]
fn probe() {
    probe::probe(Kernel::V6_12);
}
