//! Waiting with a deadline. Everything a test waits for has a name, which the
//! failure prints.

use std::time::{Duration, Instant};

/// Calls `look` every 10 ms until it returns a value, and returns that.
///
/// # Panics
/// Panics with `what` after `limit`.
#[track_caller]
pub fn until<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
