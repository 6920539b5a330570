//! The suites: which test binaries each runs.

use super::binaries::TestBinary;

/// A row of the table at the end.
pub struct Suite {
    /// Its name in the table.
    pub name: &'static str,
    /// Names of files in `tests/`, without `.rs`; one that ends in `*` is a prefix.
    /// Empty: every test that no other suite runs, so that no test is forgotten.
    files: &'static [&'static str],
    /// It needs the VM.
    pub vm: bool,
}

/// All of them, in the order in which they run.
pub const SUITES: [Suite; 8] = [
    here("unit, property and kernel tests", &[]),
    here("page of failures", &["failures_page"]),
    here("replica in network namespaces", &["replica_*"]),
    vm("the VM itself", &["vm"]),
    vm("Swarm in the VM, Linux 6.1", &["vm_6_1"]),
    vm("Swarm in the VM, Linux 6.12", &["vm_6_12"]),
    vm("Swarm in the VM, Linux 5.10", &["vm_5_10"]),
    vm("scenarios in the VM", &["vm_scenarios"]),
];

/// A suite that runs on this machine's kernel.
const fn here(name: &'static str, files: &'static [&'static str]) -> Suite {
    Suite {
        name,
        files,
        vm: false,
    }
}

/// A suite that runs in the VM.
const fn vm(name: &'static str, files: &'static [&'static str]) -> Suite {
    Suite {
        name,
        files,
        vm: true,
    }
}

impl Suite {
    /// Whether it runs this test binary.
    pub fn runs(&self, test: &TestBinary) -> bool {
        if self.files.is_empty() {
            !SUITES.iter().any(|suite| suite.names(test))
        } else {
            self.names(test)
        }
    }

    fn names(&self, test: &TestBinary) -> bool {
        let is = |file: &&str| match file.strip_suffix('*') {
            Some(prefix) => test.name.starts_with(prefix),
            None => test.name == *file,
        };
        test.is_integration && self.files.iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_is_in_one_suite() {
        for (name, is_integration, suite) in [
            ("swarmtrace", false, "unit, property and kernel tests"),
            ("capture_taps", true, "unit, property and kernel tests"),
            ("replica_flows", true, "replica in network namespaces"),
            ("replica", false, "unit, property and kernel tests"),
            ("vm", true, "the VM itself"),
            ("vm_6_1", true, "Swarm in the VM, Linux 6.1"),
        ] {
            let test = TestBinary {
                name: name.to_owned(),
                is_integration,
                path: name.into(),
                folder: "tests".into(),
            };
            let suites: Vec<&str> = (SUITES.iter().filter(|suite| suite.runs(&test)))
                .map(|suite| suite.name)
                .collect();
            assert_eq!(suites, [suite]);
        }
    }
}
