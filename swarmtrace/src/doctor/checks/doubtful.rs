//! Rules that cannot be followed to their end.

use crate::doctor::finding::{Finding, Severity};
use crate::failure::{Location, RULE_NOT_FOLLOWED};
use crate::firewall::Ending;

/// A note that a rule may apply to some packets: it asks for something that is
/// not known of them.
pub(super) fn doubtful(what: String, location: Location, ending: &Ending) -> Finding {
    let list = ending
        .by
        .quote()
        .map(|quote| format!("sudo {}", quote.list()));
    Finding::unknown(&RULE_NOT_FOLLOWED, Severity::Note, what, location)
        .why(format!(
            "It was not examined which packets this rule applies to: {}",
            ending.by
        ))
        .confirm_all(list)
}
