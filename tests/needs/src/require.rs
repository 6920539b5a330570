//! Whether a missing need is a failure.

/// Environment variable that turns skips into failures.
pub const ALL: &str = "SWARMTRACE_TESTS_ALL";

/// Whether [`ALL`] is set.
pub(crate) fn requires_all() -> bool {
    std::env::var_os(ALL).is_some_and(|value| value != "0")
}
