//! Faults, each by itself.

mod balancers;
mod overlay;
mod rules;

use crate::doctor::Examined;

/// How it is broken, and what must be found: the check and a part of the text.
pub type Case = (
    &'static str,
    &'static str,
    fn(&mut Examined),
    &'static str,
    &'static str,
);

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [rules::CASES, balancers::CASES, overlay::CASES]
        .into_iter()
        .flatten()
}
