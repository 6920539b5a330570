//! The real Swarm on Debian's kernel 6.1 (clsact, no tcx).

use swarmtrace_tests::swarm::scenarios;
use xtask::vm::Kernel;

#[test]
fn routing_mesh() {
    scenarios::routing_mesh(Kernel::V6_1);
}

#[test]
fn container_to_service() {
    scenarios::container_to_service(Kernel::V6_1);
}

#[test]
fn host_mode() {
    scenarios::host_mode(Kernel::V6_1);
}

#[test]
fn udp() {
    scenarios::udp(Kernel::V6_1);
}
