//! Times as histograms, one for each stretch of a run.
//!
//! Connections that follow each other meet the same busy moment: their times
//! are alike, and many of them say less than their number promises. A run is
//! therefore kept in stretches of equal size, in the order of time, which the
//! statistics take for the units that vary.

use super::hops::Samples;
use crate::sys::clock::Nanos;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2Serializer};

/// Significant digits that times keep.
const DIGITS: u8 = 3;
/// Longer times count as this: an hour.
const LONGEST: Nanos = Nanos::from_secs(3600);
/// Fewest times in a stretch.
const STRETCH: usize = 10;
/// Most stretches of a run.
const STRETCHES: usize = 12;
/// Longest encoded histogram that is read.
const LONGEST_TEXT: usize = 1 << 20;

/// Nanoseconds and how often they occurred, in their order.
pub type Counts = Vec<(u64, u64)>;

/// The times of one measure in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// A stretch each.
    pub stretches: Vec<Counts>,
}

impl Times {
    /// The samples, divided into stretches.
    pub fn new(mut samples: Samples) -> Self {
        samples.sort_unstable();
        let stretches = (samples.len() / STRETCH).clamp(1, STRETCHES);
        let bound = |index: usize| index * samples.len() / stretches;
        let counts = (0..stretches).filter_map(|index| {
            let part = samples.get(bound(index)..bound(index + 1))?;
            Some(counts(&histogram(part.iter().map(|(_, took)| *took))?))
        });
        Self {
            stretches: counts.collect(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        let all = self.stretches.iter().flatten();
        all.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All stretches together.
    pub fn whole(&self) -> Counts {
        merged(&self.stretches)
    }

    /// Histograms in HdrHistogram's V2 encoding and Base64, a stretch each.
    pub fn encode(&self) -> Option<Vec<String>> {
        let encode = |counts: &Counts| {
            let mut histogram = empty()?;
            for (value, count) in counts {
                histogram.record_n(*value, *count).ok()?;
            }
            let mut bytes = Vec::new();
            V2Serializer::new().serialize(&histogram, &mut bytes).ok()?;
            Some(BASE64_STANDARD.encode(bytes))
        };
        self.stretches.iter().map(encode).collect()
    }

    /// Decodes histograms of [`Times::encode`]; `None` if a text is anything else.
    pub fn decode(texts: &[String]) -> Option<Self> {
        let decode = |text: &String| {
            if text.len() > LONGEST_TEXT {
                return None;
            }
            let bytes = BASE64_STANDARD.decode(text).ok()?;
            if !is_ours(&bytes) {
                return None;
            }
            let mut reader = bytes.as_slice();
            let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut reader).ok()?;
            Some(counts(&histogram))
        };
        let stretches = texts.iter().map(decode).collect::<Option<_>>()?;
        Some(Self { stretches })
    }
}

/// Whether a V2 header claims no more memory than our histograms need: the decoder
/// allocates what the header claims.
fn is_ours(bytes: &[u8]) -> bool {
    let word = |at: usize| {
        bytes
            .get(at..at + 4)?
            .try_into()
            .ok()
            .map(u32::from_be_bytes)
    };
    let long = |at: usize| {
        bytes
            .get(at..at + 8)?
            .try_into()
            .ok()
            .map(u64::from_be_bytes)
    };
    let length = word(4).is_some_and(|length| length as usize <= bytes.len());
    let digits = word(12) == Some(u32::from(DIGITS));
    let range = long(16) == Some(1) && long(24).is_some_and(|high| high <= LONGEST.unsigned() * 2);
    length && digits && range
}

fn empty() -> Option<Histogram<u64>> {
    let mut histogram = Histogram::new(DIGITS).ok()?;
    histogram.auto(true);
    Some(histogram)
}

fn histogram(times: impl Iterator<Item = Nanos>) -> Option<Histogram<u64>> {
    let mut histogram = empty()?;
    for took in times {
        let took = took.clamp(Nanos::new(1), LONGEST);
        histogram.record(took.unsigned()).ok()?;
    }
    Some(histogram)
}

fn counts(histogram: &Histogram<u64>) -> Counts {
    (histogram.iter_recorded())
        .map(|step| (step.value_iterated_to(), step.count_at_value()))
        .collect()
}

/// Several stretches or runs as one.
pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Counts>) -> Counts {
    let mut all: Counts = parts.into_iter().flatten().copied().collect();
    all.sort_unstable();
    all.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
    all
}

/// The value that a part `q` of all are no longer than; 0 where there are none.
pub fn quantile(counts: &Counts, q: f64) -> u64 {
    let total: u64 = counts.iter().fold(0, |sum, (_, n)| sum.saturating_add(*n));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the number of times"
    )]
    let rank = ((q * total as f64).ceil() as u64).clamp(1, total.max(1));
    let mut seen = 0_u64;
    for (value, count) in counts {
        seen = seen.saturating_add(*count);
        if seen >= rank {
            return *value;
        }
    }
    0
}
