//! Failures that take a service or a network of their own.

use super::Scenario;

pub(super) const ALL: &[Scenario] = &[];
