//! The styles of text for people, named for what they mean.

use anstyle::{AnsiColor, Style};

/// No style.
pub const PLAIN: Style = Style::new();
/// Headings, and what stands out without being good or bad.
pub const HEADING: Style = Style::new().bold();
/// Names of services, tasks, networks, programs.
pub const NAME: Style = AnsiColor::Cyan.on_default();
/// Details that may be skipped: indexes, MAC addresses.
pub const FAINT: Style = Style::new().dimmed();
/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What failed.
pub const WRONG: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub const NOTE: Style = AnsiColor::Yellow.on_default();

/// The text in that style; no escape codes around an empty text.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    let text = text.to_string();
    if text.is_empty() {
        return text;
    }
    format!("{style}{text}{style:#}")
}

/// The text without its styles, for files and tests.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_come_off_again() {
        assert_eq!(plain(&paint(WRONG, "reset")), "reset");
        assert_eq!(paint(WRONG, ""), "");
    }
}
