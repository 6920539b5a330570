//! What stands beside swarmtrace in a test: another program on the same tc hooks,
//! and a delay on the path. The tests themselves are in `tests/`; the beds that
//! they run on are the crates beside this one.

pub mod bystander;
pub mod delay;
