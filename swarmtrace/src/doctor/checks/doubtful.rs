//! Rules that cannot be followed to their end.

use crate::doctor::facts::walk::Ending;
use crate::doctor::finding::{Finding, Severity};
use crate::failure::{Location, RULE_NOT_FOLLOWED};

/// A note that a rule may apply to some packets: it asks for something that is
/// not known of them.
pub(super) fn doubtful(
    what: String,
    location: Location,
    ending: &Ending,
    confirm: &str,
) -> Finding {
    Finding::unknown(&RULE_NOT_FOLLOWED, Severity::Note, what, location)
        .why(format!(
            "It was not examined which packets this rule applies to: {}",
            ending.by
        ))
        .confirm(confirm)
}
