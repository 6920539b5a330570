//! The real Swarm on Debian's kernel 6.12 (tcx).

use needs::needs;
use scenarios::suites::{doctor, flows, life, probe};
use swarm_vm::Kernel;

#[test]
fn routing_mesh() {
    needs!(Vm);
    flows::routing_mesh(Kernel::V6_12);
}

#[test]
fn container_to_service() {
    needs!(Vm);
    flows::container_to_service(Kernel::V6_12);
}

#[test]
fn host_mode() {
    needs!(Vm);
    flows::host_mode(Kernel::V6_12);
}

#[test]
fn udp() {
    needs!(Vm);
    flows::udp(Kernel::V6_12);
}

#[test]
fn leaves_nothing() {
    needs!(Vm);
    life::leaves_nothing(Kernel::V6_12);
}

#[test]
fn doctor() {
    needs!(Vm);
    doctor::doctor(Kernel::V6_12);
}

#[test]
fn probe() {
    needs!(Vm);
    probe::probe(Kernel::V6_12);
}
