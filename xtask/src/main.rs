//! swarmtrace's own chores: set-up, the Swarm VM, the demo, tests, benchmarks.

fn main() {}
