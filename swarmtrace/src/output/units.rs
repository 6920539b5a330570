//! Times as people read them.

use crate::sys::clock::Nanos;

/// A duration with three figures: `412 µs`, `1.20 ms`, `3.00 s`; a negative one is
/// none at all.
pub fn duration(time: Nanos) -> String {
    let ns = time.unsigned();
    let scaled = |value: f64, unit: &str| match value {
        v if v < 9.995 => format!("{v:.2} {unit}"),
        v if v < 99.95 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    };
    if ns < 999_500 {
        format!("{} µs", (ns + 500) / 1000)
    } else if ns < 999_500_000 {
        scaled(ns as f64 / 1e6, "ms")
    } else {
        scaled(ns as f64 / 1e9, "s")
    }
}

/// A signed duration: `+412 µs`, `-3 µs`.
pub fn offset(time: Nanos) -> String {
    let sign = if time < Nanos::ZERO { '-' } else { '+' };
    format!("{sign}{}", duration(time.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_figures() {
        assert_eq!(duration(Nanos::new(412_400)), "412 µs");
        assert_eq!(duration(Nanos::new(999_600)), "1.00 ms");
        assert_eq!(duration(Nanos::new(45_200_000)), "45.2 ms");
        assert_eq!(duration(Nanos::from_secs(3)), "3.00 s");
        assert_eq!(offset(Nanos::new(-2_900)), "-3 µs");
    }
}
