//! The real Swarm on Debian's kernel 6.1 (clsact, no tcx).

use scenarios::suites::{ci, doctor, flows, life, probe};
use xtask::vm::Kernel;

#[test]
fn routing_mesh() {
    flows::routing_mesh(Kernel::V6_1);
}

#[test]
fn container_to_service() {
    flows::container_to_service(Kernel::V6_1);
}

#[test]
fn host_mode() {
    flows::host_mode(Kernel::V6_1);
}

#[test]
fn udp() {
    flows::udp(Kernel::V6_1);
}

#[test]
fn leaves_nothing() {
    life::leaves_nothing(Kernel::V6_1);
}

#[test]
fn refusals() {
    life::refusals(Kernel::V6_1);
}

#[test]
fn keeps_up_with_new_tasks() {
    life::keeps_up_with_new_tasks(Kernel::V6_1);
}

#[test]
fn doctor() {
    doctor::doctor(Kernel::V6_1);
}

#[test]
fn probe() {
    probe::probe(Kernel::V6_1);
}

#[test]
fn ci() {
    ci::ci(Kernel::V6_1);
}
