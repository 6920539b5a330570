//! The `swarmtrace` command.

fn main() {}
