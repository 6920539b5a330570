//! What a test needs of the machine, and a loud skip where that is missing.
//!
//! `cargo test` must pass for an ordinary user on a laptop, so a test that needs
//! root, the kernel's BTF, the VM or an external program says so in its first
//! line:
//!
//! ```text
//! #[test]
//! fn a_tap_sees_a_packet() {
//!     needs!(Root, Btf);
//! ```
//!
//! Where one of them is missing the test returns at once and is counted. Each test
//! binary prints how many tests it skipped and why when it ends, with the sum over
//! all binaries of the same `cargo test`. With [`ALL`] in the environment, which
//! `cargo xtask test` sets, a missing need fails the test instead.

mod need;
mod require;
mod tally;

pub use need::Need;
pub use require::ALL;

use require::requires_all;

use std::panic::Location;

/// Returns from the test, counted as skipped, unless all of these [`Need`]s are met:
/// `needs!(Root, Program("xmllint"))`.
#[macro_export]
macro_rules! needs {
    ($($need:ident $(($program:literal))?),+ $(,)?) => {
        if !$crate::met(&[$($crate::Need::$need $(($program))?),+]) {
            return;
        }
    };
}

/// Whether all needs are met; counts the test as skipped if not.
///
/// # Panics
/// If one is not met and [`ALL`] is set.
#[track_caller]
pub fn met(needs: &[Need]) -> bool {
    let Some(missing) = needs.iter().find(|need| !need.is_met()) else {
        return true;
    };
    assert!(
        !requires_all(),
        "this test needs {missing}, and {ALL} is set: nothing may be skipped"
    );
    println!("skipped: needs {missing}");
    tally::skipped(&missing.to_string(), Location::caller());
    false
}
