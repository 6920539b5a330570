//! What a check is.

use super::examined::Examined;
use super::finding::Finding;
use super::need::Need;
use crate::failure::Failure;

/// A function that looks for some failures in what was read of a node.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it compares, as in "not checked: …".
    pub subject: &'static str,
    /// What it depends on; each check also needs [`Need::Kernel`].
    pub needs: &'static [Need],
    /// The failures that it finds.
    pub finds: &'static [&'static Failure],
    /// Finds them.
    pub run: fn(&Examined) -> Vec<Finding>,
}
