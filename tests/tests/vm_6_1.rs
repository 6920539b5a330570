//! The real Swarm on Debian's kernel 6.1 (clsact, no tcx).

use needs::needs;
use scenarios::suites::{ci, doctor, flows, life, probe};
use swarm_vm::Kernel;

#[test]
fn routing_mesh() {
    needs!(Vm);
    flows::routing_mesh(Kernel::V6_1);
}

#[test]
fn container_to_service() {
    needs!(Vm);
    flows::container_to_service(Kernel::V6_1);
}

#[test]
fn host_mode() {
    needs!(Vm);
    flows::host_mode(Kernel::V6_1);
}

#[test]
fn udp() {
    needs!(Vm);
    flows::udp(Kernel::V6_1);
}

#[test]
fn leaves_nothing() {
    needs!(Vm);
    life::leaves_nothing(Kernel::V6_1);
}

#[test]
fn refusals() {
    needs!(Vm);
    life::refusals(Kernel::V6_1);
}

#[test]
fn keeps_up_with_new_tasks() {
    needs!(Vm);
    life::keeps_up_with_new_tasks(Kernel::V6_1);
}

#[test]
fn doctor() {
    needs!(Vm);
    doctor::doctor(Kernel::V6_1);
}

#[test]
fn probe() {
    needs!(Vm);
    probe::probe(Kernel::V6_1);
}

#[test]
fn ci() {
    needs!(Vm);
    ci::ci(Kernel::V6_1);
}
