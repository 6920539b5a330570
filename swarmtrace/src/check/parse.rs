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
//! `hop(host veth(ingress_sbox) out)`. A mistake is told with its column.

use super::assertion::{Assertion, Comparison, Count, Limit, Metric, Scope, Statistic, Time};
use std::fmt;

/// An assertion that is not understood, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The whole assertion.
    pub text: String,
    /// The character at which it goes wrong, from 1.
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

/// Reads an assertion.
///
/// # Errors
/// Where it stops to make sense, and what was expected there.
pub fn assertion(text: &str) -> Result<Assertion, ParseError> {
    let mut cursor = Cursor { text, at: 0 };
    let scope = cursor.scope()?;
    let metric = cursor.metric()?;
    let comparison = cursor.comparison()?;
    let limit = cursor.limit(&metric)?;
    cursor.blanks();
    if !cursor.rest().is_empty() {
        return Err(cursor.error("nothing may follow the value".to_owned()));
    }
    Ok(Assertion {
        text: text.trim().to_owned(),
        scope,
        metric,
        comparison,
        limit,
    })
}

const FIGURES: &str = "handshake.p99, first_byte.p50, hop(NAME).p50, edge(A -> B).max, \
    rst.handshake, rst.total, retransmit.syn, retransmit.total, connections, failed, unanswered, \
    lost";

struct Cursor<'a> {
    text: &'a str,
    /// In bytes, always at a character's boundary.
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn error(&self, what: String) -> ParseError {
        self.error_at(self.at, what)
    }

    fn error_at(&self, at: usize, what: String) -> ParseError {
        let before = self.text.get(..at).unwrap_or(self.text);
        ParseError {
            text: self.text.to_owned(),
            column: before.chars().count() + 1,
            what,
        }
    }

    /// Takes the characters that `is_part`.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn word(&mut self) -> &'a str {
        self.blanks();
        self.take(|c| c.is_alphanumeric() || c == '_')
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

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

    /// What stands in parentheses, and where it begins.
    fn name(&mut self) -> Result<(usize, &'a str), ParseError> {
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

    fn metric(&mut self) -> Result<Metric, ParseError> {
        self.blanks();
        let start = self.at;
        let time = match self.word() {
            "handshake" => Time::Handshake,
            "first_byte" => Time::FirstByte,
            "hop" => self.hop()?,
            "edge" => self.edge()?,
            first => return self.count(start, first).map(Metric::Count),
        };
        if !self.eat(".") {
            return Err(self.error("expected a statistic, like .p99".to_owned()));
        }
        Ok(Metric::Time(time, self.statistic()?))
    }

    fn hop(&mut self) -> Result<Time, ParseError> {
        let (start, inside) = self.name()?;
        let (name, back) = match inside.rsplit_once(',') {
            None => (inside, false),
            Some((name, way)) => match way.trim() {
                "there" => (name, false),
                "back" => (name, true),
                _ => {
                    let at = start + name.len() + 1 + (way.len() - way.trim_start().len());
                    let what = "expected 'there' or 'back' after the hop's name".to_owned();
                    return Err(self.error_at(at, what));
                }
            },
        };
        match name.trim() {
            "" => Err(self.error_at(start, "expected a hop's name".to_owned())),
            name => Ok(Time::Hop {
                name: name.to_owned(),
                back,
            }),
        }
    }

    fn edge(&mut self) -> Result<Time, ParseError> {
        let (start, inside) = self.name()?;
        let halves = inside
            .split_once("->")
            .or_else(|| inside.split_once('→'))
            .ok_or_else(|| self.error_at(start, "expected two names, A -> B".to_owned()))?;
        let clean = |name: &str| {
            let name = name.trim();
            // As the latency table prints it.
            let name = name.strip_prefix("other node's ").unwrap_or(name).trim();
            (!name.is_empty()).then(|| name.to_owned())
        };
        match (clean(halves.0), clean(halves.1)) {
            (Some(from), Some(to)) => Ok(Time::Edge { from, to }),
            _ => Err(self.error_at(start, "expected two names, A -> B".to_owned())),
        }
    }

    fn count(&mut self, start: usize, first: &str) -> Result<Count, ParseError> {
        let names = Count::NAMES;
        if let Some((_, count)) = names.iter().find(|(name, _)| *name == first) {
            return Ok(*count);
        }
        let family: Vec<&str> = (names.iter())
            .filter_map(|(name, _)| name.strip_prefix(first)?.strip_prefix('.'))
            .collect();
        if first.is_empty() || family.is_empty() {
            let what = match first {
                "" => "expected a figure".to_owned(),
                _ => format!("there is no figure '{first}'"),
            };
            return Err(self.error_at(start, format!("{what}; there are: {FIGURES}")));
        }
        let kinds = family.join(" or ");
        if !self.eat(".") {
            return Err(self.error(format!("expected '.' and {kinds} after '{first}'")));
        }
        let at = self.at;
        let kind = self.word();
        let whole = format!("{first}.{kind}");
        (names.iter().find(|(name, _)| *name == whole))
            .map(|(_, count)| *count)
            .ok_or_else(|| self.error_at(at, format!("expected {kinds} after '{first}.'")))
    }

    fn statistic(&mut self) -> Result<Statistic, ParseError> {
        self.blanks();
        let start = self.at;
        let expected = "expected p50, p90, p99.9 or another percentile, median, min, max or mean";
        let word = self.word();
        let percentile = match word {
            "median" => 50.0,
            "min" => return Ok(Statistic::Min),
            "max" => return Ok(Statistic::Max),
            "mean" => return Ok(Statistic::Mean),
            _ => {
                // The fraction of p99.9 is no part of the word.
                let mut digits = word.strip_prefix('p').unwrap_or("?").to_owned();
                if self.rest().starts_with('.') {
                    self.at += 1;
                    let fraction = self.take(|c| c.is_ascii_digit());
                    digits = format!("{digits}.{fraction}");
                }
                let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
                    && !digits.ends_with('.')
                    && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
                match digits.parse::<f64>() {
                    Ok(number) if is_number => number,
                    _ => return Err(self.error_at(start, expected.to_owned())),
                }
            }
        };
        if percentile > 0.0 && percentile < 100.0 {
            Ok(Statistic::Percentile(percentile))
        } else {
            let what =
                "a percentile is more than 0 and less than 100; for the longest there is max";
            Err(self.error_at(start, what.to_owned()))
        }
    }

    fn comparison(&mut self) -> Result<Comparison, ParseError> {
        self.blanks();
        for (sign, comparison) in Comparison::SIGNS {
            if self.eat(sign) {
                return Ok(comparison);
            }
        }
        Err(self.error("expected <, <=, >, >=, == or !=".to_owned()))
    }

    fn limit(&mut self, metric: &Metric) -> Result<Limit, ParseError> {
        self.blanks();
        let start = self.at;
        let digits = self.take(|c| c.is_ascii_digit() || c == '.');
        let number = match digits.parse::<f64>() {
            Ok(number) if number.is_finite() && !digits.starts_with('.') => number,
            _ => return Err(self.error_at(start, format!("expected {}", example(metric)))),
        };
        self.blanks();
        let start = self.at;
        let unit = self.take(|c| c.is_alphanumeric() || c == '%' || c == '_');
        let factor = match unit {
            "ns" => Some(1.0),
            "us" | "µs" | "μs" => Some(1e3),
            "ms" => Some(1e6),
            "s" => Some(1e9),
            _ => None,
        };
        let share = !matches!(metric, Metric::Count(Count::Connections));
        match (metric, factor, unit) {
            (Metric::Time(..), Some(factor), _) => Ok(Limit::Time((number * factor).round())),
            (Metric::Count(_), _, "") => Ok(Limit::Count(number)),
            (Metric::Count(_), _, "%") if share => Ok(Limit::Percent(number)),
            (Metric::Count(_), ..) => {
                let what = format!(
                    "'{unit}' is no unit of a count; expected {}",
                    example(metric)
                );
                Err(self.error_at(start, what))
            }
            (Metric::Time(..), None, "") => {
                Err(self.error_at(start, "a time needs its unit: ns, us, ms or s".to_owned()))
            }
            (Metric::Time(..), None, _) => {
                let what = format!("'{unit}' is no unit of time; there are ns, us, ms and s");
                Err(self.error_at(start, what))
            }
        }
    }
}

fn example(metric: &Metric) -> &'static str {
    match metric {
        Metric::Time(..) => "a time, like 200us or 5ms",
        Metric::Count(Count::Connections) => "a number, like 100",
        Metric::Count(Count::Lost) => "a number, or a share of all events like 0.1%",
        Metric::Count(_) => "a number, or a share of the connections like 0.5%",
    }
}
