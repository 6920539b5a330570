//! The text of an assertion, read from left to right.

use super::error::ParseError;

/// The text, and how much of it was read.
pub struct Cursor<'a> {
    pub text: &'a str,
    /// In bytes, always at a character's boundary.
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub fn error(&self, what: String) -> ParseError {
        self.error_at(self.at, what)
    }

    pub fn error_at(&self, at: usize, what: String) -> ParseError {
        let before = self.text.get(..at).unwrap_or(self.text);
        ParseError {
            text: self.text.to_owned(),
            column: before.chars().count() + 1,
            what,
        }
    }

    /// Takes the characters that `is_part`.
    pub fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub fn word(&mut self) -> &'a str {
        self.blanks();
        self.take(|c| c.is_alphanumeric() || c == '_')
    }

    pub fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// The text in parentheses, and where it begins.
    pub fn name(&mut self) -> Result<(usize, &'a str), ParseError> {
        if !self.eat("(") {
            return Err(self.error("expected a name in parentheses".to_owned()));
        }
        let (start, mut open) = (self.at, 1_usize);
        for (at, c) in self.rest().char_indices() {
            match c {
                '(' => open += 1,
                ')' => open -= 1,
                _ => {}
            }
            if open == 0 {
                let name = &self.rest()[..at];
                self.at += at + 1;
                if name.trim().is_empty() {
                    return Err(self.error_at(start, "expected a name".to_owned()));
                }
                return Ok((start, name));
            }
        }
        Err(self.error_at(start - 1, "this parenthesis is not closed".to_owned()))
    }
}
