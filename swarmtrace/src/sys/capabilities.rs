//! The capabilities that tracing takes, and which of them this process is missing.

use caps::{CapSet, Capability, CapsHashSet};

/// Loading programs, reading kernel memory, attaching, entering namespaces.
const NEEDED: [Capability; 4] = [
    Capability::CAP_BPF,
    Capability::CAP_PERFMON,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_SYS_ADMIN,
];

/// The capabilities that tracing takes and the calling thread does not have. Root in a
/// container is usually missing some. If they cannot be read, all are missing.
pub fn missing() -> Vec<Capability> {
    missing_in(&caps::read(None, CapSet::Effective).unwrap_or_default())
}

fn missing_in(effective: &CapsHashSet) -> Vec<Capability> {
    let missing = |capability: &Capability| !effective.contains(capability);
    NEEDED.into_iter().filter(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_capabilities_are_named() {
        assert!(missing_in(&caps::all()).is_empty());
        // Docker's default set: no use here.
        let docker = CapsHashSet::from([
            Capability::CAP_CHOWN,
            Capability::CAP_NET_RAW,
            Capability::CAP_SETUID,
        ]);
        assert_eq!(missing_in(&docker), NEEDED);
        let admin = CapsHashSet::from([Capability::CAP_NET_ADMIN, Capability::CAP_SYS_ADMIN]);
        let names: Vec<String> = missing_in(&admin).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["CAP_BPF", "CAP_PERFMON"]);
    }
}
