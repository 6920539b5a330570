//! The suites: what each runs.

/// One `cargo test`.
pub struct Suite {
    /// Its name in the table.
    pub name: &'static str,
    /// What `cargo test` is given.
    pub arguments: &'static [&'static str],
    /// It needs the VM.
    pub vm: bool,
}

/// Crates that are no suite of their own.
const CRATES: &[&str] = &[
    "--workspace",
    "--exclude",
    "swarmtrace-ebpf",
    "--exclude",
    "swarmtrace-tests",
];
const REPLICA: &[&str] = &[
    "--package",
    "swarmtrace-tests",
    "--lib",
    "--test",
    "replica_*",
];

/// All of them, in the order in which they run.
pub const SUITES: [Suite; 7] = [
    here("unit, property and kernel tests", CRATES),
    here(
        "page of failures",
        &["--package", "swarmtrace-tests", "--test", "failures_page"],
    ),
    here("replica in network namespaces", REPLICA),
    vm(
        "Swarm in the VM, Linux 6.1",
        &["--package", "swarmtrace-tests", "--test", "vm_6_1"],
    ),
    vm(
        "Swarm in the VM, Linux 6.12",
        &["--package", "swarmtrace-tests", "--test", "vm_6_12"],
    ),
    vm(
        "Swarm in the VM, Linux 5.10",
        &["--package", "swarmtrace-tests", "--test", "vm_5_10"],
    ),
    vm(
        "scenarios in the VM",
        &["--package", "swarmtrace-tests", "--test", "vm_scenarios"],
    ),
];

/// A suite that runs on this machine's kernel.
const fn here(name: &'static str, arguments: &'static [&'static str]) -> Suite {
    Suite {
        name,
        arguments,
        vm: false,
    }
}

/// A suite that runs in the VM.
const fn vm(name: &'static str, arguments: &'static [&'static str]) -> Suite {
    Suite {
        name,
        arguments,
        vm: true,
    }
}
