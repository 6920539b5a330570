//! Errors in assertions.

use std::fmt;

/// An assertion that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The whole assertion.
    pub text: String,
    /// The character that is wrong, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

impl std::error::Error for ParseError {}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tabs and line breaks would move the caret.
        let line: String = (self.text.chars())
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let caret = " ".repeat(self.column.saturating_sub(1));
        write!(
            f,
            "assertion, column {}: {}\n    {line}\n    {caret}^",
            self.column, self.what
        )
    }
}
