//! The assertions' language.
//!
//! ```text
//! [all: | service(NAME): | backend(NAME):] FIGURE SIGN VALUE
//!
//! FIGURE  handshake.STAT  first_byte.STAT  hop(NAME).STAT  hop(NAME, back).STAT
//!         edge(NAME -> NAME).STAT
//!         rst.handshake  rst.total  retransmit.syn  retransmit.total
//!         connections  failed  unanswered  lost
//! STAT    p50 … p99.9  median  min  max  mean
//! SIGN    <  <=  >  >=  ==  !=
//! VALUE   200us  5ms  1.5s  (times)   3  0.5%  (counts)
//! ```
//!
//! Names run to their closing parenthesis and may hold pairs of their own:
//! `hop(host veth(ingress_sbox) out)`. An error names its column.

mod cursor;
mod error;
mod figure;
mod value;

pub use error::ParseError;

use super::assertion::{Assertion, Scope};
use anyhow::Context as _;
use cursor::Cursor;
use std::path::Path;

/// Parses an assertion.
///
/// # Errors
/// Errors at the first character that does not fit; the text says what was expected
/// there.
pub fn assertion(text: &str) -> Result<Assertion, ParseError> {
    let mut cursor = Cursor { text, at: 0 };
    let scope = cursor.scope()?;
    let metric = cursor.metric()?;
    let operator = cursor.operator()?;
    let limit = cursor.limit(&metric)?;
    cursor.blanks();
    if !cursor.rest().is_empty() {
        return Err(cursor.error("nothing may follow the value".to_owned()));
    }
    Ok(Assertion {
        text: text.trim().to_owned(),
        scope,
        metric,
        operator,
        limit,
    })
}

/// Reads a file of assertions, one a line; empty lines and those that begin with `#`
/// are skipped.
///
/// # Errors
/// Errors if the file cannot be read, or at its first line that is no assertion.
pub fn file(path: &Path) -> anyhow::Result<Vec<Assertion>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut all = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if line.is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let place = || format!("{}, line {number}", path.display());
        all.push(assertion(line).with_context(place)?);
    }
    Ok(all)
}

impl Cursor<'_> {
    fn scope(&mut self) -> Result<Scope, ParseError> {
        let start = self.at;
        let scope = match self.word() {
            "all" => Scope::All,
            "service" => Scope::Service(self.name()?.1.trim().to_owned()),
            "backend" => Scope::Backend(self.name()?.1.trim().to_owned()),
            _ => {
                self.at = start;
                return Ok(Scope::Each);
            }
        };
        if !self.eat(":") {
            return Err(self.error("expected ':' between the scope and the figure".to_owned()));
        }
        Ok(scope)
    }
}
