//! The real Swarm on Debian 11's kernel 5.10, the oldest that is supported: its
//! verifier has the lowest limits, and modules have no type information.

use needs::needs;
use scenarios::suites::flows;
use swarm_vm::Kernel;

#[test]
fn routing_mesh() {
    needs!(Vm);
    flows::routing_mesh(Kernel::V5_10);
}
