//! Inks that can be left out, columns that count characters, and times.

use super::style;

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// As it is.
    Plain,
    /// All is well.
    Good,
    /// Something is amiss.
    Warning,
    /// Something failed.
    Bad,
    /// What stands out without being good or bad.
    Strong,
    /// What may be skipped.
    Faint,
}

/// Colours or does not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Painter {
    /// Whether to colour. Standard output drops colours by itself where they
    /// are not wanted (see [`super::print`]).
    pub colour: bool,
}

impl Painter {
    /// The text in that ink.
    pub fn paint(self, ink: Ink, text: &str) -> String {
        let style = match ink {
            Ink::Plain => style::PLAIN,
            Ink::Good => style::GOOD,
            Ink::Warning => style::NOTE,
            Ink::Bad => style::WRONG,
            Ink::Strong => style::HEADING,
            Ink::Faint => style::FAINT,
        };
        if self.colour && !text.is_empty() {
            style::paint(style, text)
        } else {
            text.to_owned()
        }
    }
}

/// `text` with spaces after it, `width` characters in all.
pub fn left(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// `text` with spaces before it, `width` characters in all.
pub fn right(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(text.chars().count());
    format!("{}{text}", " ".repeat(missing))
}

/// A duration with three figures: `412 µs`, `1.20 ms`, `3.00 s`.
pub fn duration(ns: u64) -> String {
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

/// An offset: `+412 µs`, `-3 µs`.
pub fn offset(ns: i64) -> String {
    let sign = if ns < 0 { '-' } else { '+' };
    format!("{sign}{}", duration(ns.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_figures() {
        assert_eq!(duration(412_400), "412 µs");
        assert_eq!(duration(999_600), "1.00 ms");
        assert_eq!(duration(45_200_000), "45.2 ms");
        assert_eq!(duration(3_000_000_000), "3.00 s");
        assert_eq!(offset(-2_900), "-3 µs");
    }

    #[test]
    fn without_colour_there_is_no_escape() {
        assert_eq!(Painter::default().paint(Ink::Bad, "reset"), "reset");
    }
}
