//! The rights that tracing takes, and which of them this process lacks.

/// Each capability's name and number (include/uapi/linux/capability.h).
const NEEDED: [(&str, u32); 4] = [
    ("CAP_BPF", 39),
    ("CAP_PERFMON", 38),
    ("CAP_NET_ADMIN", 12),
    ("CAP_SYS_ADMIN", 21),
];

/// The capabilities that this process would need and does not have. Root in a
/// container usually lacks some.
pub fn missing_rights() -> Vec<&'static str> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    missing(&status)
}

/// The same of what `/proc/PID/status` says; without a word, all are missing.
fn missing(status: &str) -> Vec<&'static str> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|set| u64::from_str_radix(set.trim(), 16).ok())
        .unwrap_or(0);
    let lacks = |(name, bit)| (effective >> bit & 1 == 0).then_some(name);
    NEEDED.into_iter().filter_map(lacks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        assert!(missing("Name:\tx\nCapEff:\t000001ffffffffff\n").is_empty());
        // Docker's default set: nothing of it helps here.
        assert_eq!(missing("CapEff:\t00000000a80425fb\n").len(), 4);
        let admin = format!("CapEff:\t{:016x}\n", 1_u64 << 21 | 1 << 12);
        assert_eq!(missing(&admin), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(missing("").len(), 4);
    }
}
