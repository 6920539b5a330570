//! Waiting with an end: everything a test waits for has a deadline and a name,
//! so that what did not happen is what the failure says.

use std::time::{Duration, Instant};

/// Asks again and again until `look` has an answer; panics after `limit`.
#[track_caller]
pub fn until<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(
            Instant::now() < deadline,
            "waited {limit:?} in vain: {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
