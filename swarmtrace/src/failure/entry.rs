//! An entry of the table of failures.

use super::id::FailureId;

/// A failure that swarmtrace diagnoses: what users read of it in a verdict, a
/// finding and docs/failures.md.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Stable name.
    pub id: FailureId,
    /// What went wrong, in one line: the title of every diagnosis.
    pub title: &'static str,
    /// What a user sees.
    pub symptom: &'static str,
    /// Why it happens.
    pub cause: &'static str,
    /// What a diagnosis rests on: what makes it proven or only likely, and what
    /// doctor reads.
    pub evidence: &'static str,
    /// How to repair it. A diagnosis may carry a command that fits its case
    /// better.
    pub fix: &'static str,
    /// Upstream issues: `moby#52661`.
    pub references: &'static [&'static str],
}

/// Declares failures, and `ALL`, which lists them.
macro_rules! failures {
    ($($name:ident: $id:literal {
        title: $title:literal,
        symptom: $symptom:literal,
        cause: $cause:literal,
        evidence: $evidence:literal,
        fix: $fix:literal,
        references: $references:expr,
    })*) => {
        $(
            #[allow(clippy::doc_markdown, reason = "a title is plain text")]
            #[doc = $title]
            pub static $name: $crate::failure::entry::Failure = $crate::failure::entry::Failure {
                id: $crate::failure::id::FailureId::new($id),
                title: $title,
                symptom: $symptom,
                cause: $cause,
                evidence: $evidence,
                fix: $fix,
                references: $references,
            };
        )*

        /// Every failure of this file.
        pub(super) static ALL: &[&$crate::failure::entry::Failure] = &[$(&$name),*];
    };
}

pub(super) use failures;
