//! The few styles that text for people uses, by what they mean.

use anstyle::{AnsiColor, Style};

/// No style.
pub const PLAIN: Style = Style::new();
/// Headings.
pub const HEADING: Style = Style::new().bold();
/// Names of things.
pub const NAME: Style = AnsiColor::Cyan.on_default();
/// What is there for completeness: indexes, MAC addresses.
pub const FAINT: Style = Style::new().dimmed();
/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is wrong.
pub const WRONG: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub const NOTE: Style = AnsiColor::Yellow.on_default();

/// The text in that style.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
