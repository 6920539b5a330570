//! Which failure can be made to happen, and how: the names of the scenarios in
//! the tests (`cargo xtask scenarios`) by the rule that tells of them.
//!
//! It is here because the user's catalogue is written here; a test beside the
//! scenarios themselves holds the two against each other.

/// A rule's id, and the scenarios in which it speaks.
pub(super) const SCENARIOS: &[(&str, &[&str])] = &[];
