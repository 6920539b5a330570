//! What a rule is.

use super::case::Case;
use crate::failure::{Diagnosis, Failure};

/// A function that looks for one failure in a flow.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The failure it looks for.
    pub failure: &'static Failure,
    /// Whether it is asked only where no other rule gives a verdict.
    pub fallback: bool,
    /// Gives the verdict, or `None` where the evidence is missing.
    pub judge: fn(&Case<'_>) -> Option<Diagnosis>,
}

impl Rule {
    /// A rule of a failure whose cause it knows.
    pub(super) const fn known(
        failure: &'static Failure,
        judge: fn(&Case<'_>) -> Option<Diagnosis>,
    ) -> Self {
        Self {
            failure,
            fallback: false,
            judge,
        }
    }

    /// A rule that describes a failure of which no other rule knows the cause.
    pub(super) const fn fallback(
        failure: &'static Failure,
        judge: fn(&Case<'_>) -> Option<Diagnosis>,
    ) -> Self {
        Self {
            failure,
            fallback: true,
            judge,
        }
    }
}
