//! The two clocks: events carry the monotonic one, people read the real one.

use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Nanoseconds to add to an event's time (`CLOCK_MONOTONIC`) to get the time
/// since the Unix epoch (`CLOCK_REALTIME`). The real-time clock is stepped and
/// slewed, so ask again every second or so.
///
/// # Errors
/// The system's.
pub fn realtime_offset() -> nix::Result<i64> {
    let now = |clock| clock_gettime(clock).map(Duration::from);
    let mut best = (Duration::MAX, 0);
    for _ in 0..5 {
        let before = now(ClockId::CLOCK_MONOTONIC)?;
        let real = now(ClockId::CLOCK_REALTIME)?;
        let took = now(ClockId::CLOCK_MONOTONIC)?.saturating_sub(before);
        if took < best.0 {
            let middle = before + took / 2;
            let offset = i128::try_from(real.as_nanos()).unwrap_or(0)
                - i128::try_from(middle.as_nanos()).unwrap_or(0);
            best = (took, i64::try_from(offset).unwrap_or(0));
        }
    }
    Ok(best.1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_offset_is_stable_within_a_millisecond() {
        let first = super::realtime_offset().unwrap();
        let second = super::realtime_offset().unwrap();
        assert!((first - second).abs() < 1_000_000, "{first} {second}");
        assert!(first > 0);
    }
}
