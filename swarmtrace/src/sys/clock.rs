//! Times as types: the kernel's events carry [`Mono`], people read [`Wall`], and
//! what lies between two times of one clock is [`Nanos`].
//!
//! All are plain integers of nanoseconds, in memory and in JSON.

use nix::time::{ClockId, clock_gettime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use swarmtrace_common::PacketEvent;

/// A difference of two times, in nanoseconds; negative where the first is earlier.
/// Arithmetic saturates (at 292 years).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
#[repr(transparent)]
pub struct Nanos(i64);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest difference.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds.
    pub const fn new(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// From whole milliseconds.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds.saturating_mul(1_000_000))
    }

    /// From whole seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// In nanoseconds.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// In nanoseconds; 0 where it is negative.
    pub const fn unsigned(self) -> u64 {
        if self.0 < 0 { 0 } else { self.0.unsigned_abs() }
    }

    /// The same without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// As a duration; zero where it is negative.
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.unsigned())
    }

    /// From unsigned nanoseconds.
    pub const fn from_unsigned(nanoseconds: u64) -> Self {
        match 0_i64.checked_add_unsigned(nanoseconds) {
            Some(nanoseconds) => Self(nanoseconds),
            None => Self::MAX,
        }
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Add for Nanos {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Nanos {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Nanos {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Nanos {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Mul<i64> for Nanos {
    type Output = Self;

    fn mul(self, factor: i64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Div<i64> for Nanos {
    type Output = Self;

    fn div(self, divisor: i64) -> Self {
        Self(self.0 / divisor)
    }
}

impl Sum for Nanos {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Add::add)
    }
}

/// Declares the time of one clock: everything but how it is read.
macro_rules! clock {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
            Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        #[repr(transparent)]
        pub struct $name(u64);

        impl $name {
            /// The clock's zero.
            pub const ZERO: Self = Self(0);
            /// Later than every other time.
            pub const MAX: Self = Self(u64::MAX);

            /// From nanoseconds since the clock's zero.
            pub const fn from_ns(nanoseconds: u64) -> Self {
                Self(nanoseconds)
            }

            /// In nanoseconds since the clock's zero.
            pub const fn ns(self) -> u64 {
                self.0
            }

            /// How far apart two times are, whichever is earlier.
            #[must_use]
            pub const fn distance(self, other: Self) -> Nanos {
                Nanos::from_unsigned(self.0.abs_diff(other.0))
            }

            /// The time that has passed since `earlier`; zero if that is later.
            #[must_use]
            pub const fn since(self, earlier: Self) -> Nanos {
                Nanos::from_unsigned(self.0.saturating_sub(earlier.0))
            }
        }

        impl Sub for $name {
            type Output = Nanos;

            fn sub(self, other: Self) -> Nanos {
                let distance = self.distance(other);
                if self < other { -distance } else { distance }
            }
        }

        impl Add<Nanos> for $name {
            type Output = Self;

            fn add(self, by: Nanos) -> Self {
                Self(self.0.saturating_add_signed(by.0))
            }
        }

        impl Sub<Nanos> for $name {
            type Output = Self;

            fn sub(self, by: Nanos) -> Self {
                self + -by
            }
        }

        impl AddAssign<Nanos> for $name {
            fn add_assign(&mut self, by: Nanos) {
                *self = *self + by;
            }
        }
    };
}

clock! {
    /// A time by `CLOCK_MONOTONIC`: nanoseconds since some moment of this machine's
    /// start, without the time it slept. Two machines' times cannot be compared.
    ///
    /// Relied on: `bpf_ktime_get_ns` reads the same clock.
    Mono
}

clock! {
    /// A time by `CLOCK_REALTIME`: nanoseconds since the Unix epoch. The clock is set
    /// and slewed, so differences hold only over short spans.
    Wall
}

impl Mono {
    /// When an event happened.
    pub const fn of(event: &PacketEvent) -> Self {
        Self(event.time)
    }

    /// What the clock shows.
    #[expect(clippy::missing_panics_doc, reason = "it cannot")]
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC cannot fail");
        Self(Nanos::from(Duration::from(time)).unsigned())
    }

    /// The same moment by the wall clock, with the [`wall_offset`] of that time.
    #[must_use]
    pub fn wall(self, offset: Nanos) -> Wall {
        Wall(self.0.saturating_add_signed(offset.0))
    }
}

impl Wall {
    /// What the clock shows; its zero if it is set before 1970.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self(Nanos::from(since.unwrap_or_default()).unsigned())
    }

    /// In whole seconds since the Unix epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// As the standard library's time.
    pub fn system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.0)
    }
}

/// What to add to a [`Mono`] of now for the [`Wall`] of the same moment. The wall
/// clock is set and slewed, so read it again every second or so.
pub fn wall_offset() -> Nanos {
    let mut best = (Nanos::MAX, Nanos::ZERO);
    for _ in 0..5 {
        let before = Mono::now();
        let wall = Wall::now();
        let took = Mono::now() - before;
        if took < best.0 {
            let middle = before + took / 2;
            best = (took, wall - Wall(middle.0));
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_stable_within_a_millisecond() {
        let first = wall_offset();
        let second = wall_offset();
        let apart = (first - second).abs();
        assert!(apart < Nanos::from_millis(1), "{first:?} {second:?}");
        assert!(first > Nanos::ZERO);
    }

    #[test]
    fn differences_have_a_sign_and_saturate() {
        let (early, late) = (Mono::from_ns(5), Mono::from_ns(9));
        assert_eq!(late - early, Nanos::new(4));
        assert_eq!(early - late, Nanos::new(-4));
        assert_eq!(early.since(late), Nanos::ZERO);
        assert_eq!(Mono::MAX - early, Nanos::MAX);
        assert_eq!(early - Mono::MAX, -Nanos::MAX);
        assert_eq!(Mono::MAX + Nanos::new(1), Mono::MAX);
        assert_eq!(early - Nanos::new(7), Mono::ZERO);
    }

    #[test]
    fn in_json_they_are_numbers() {
        let text = serde_json::to_string(&(Mono::from_ns(7), Wall::from_ns(8), Nanos::new(-9)));
        assert_eq!(text.unwrap(), "[7,8,-9]");
    }
}
