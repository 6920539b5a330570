//! The figure of an assertion: `handshake.p99`, `hop(NAME).max`, `rst.total`.

use super::cursor::Cursor;
use super::error::ParseError;
use crate::check::assertion::{Count, Metric, Statistic, Time};

const FIGURES: &str = "handshake.p99, first_byte.p50, hop(NAME).p50, edge(A -> B).max, \
    rst.handshake, rst.total, retransmit.syn, retransmit.total, connections, failed, unanswered, \
    lost";

impl Cursor<'_> {
    pub fn metric(&mut self) -> Result<Metric, ParseError> {
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
}
