//! The sign and the value of an assertion: `< 5ms`.

use super::cursor::Cursor;
use super::error::ParseError;
use crate::check::assertion::{Count, Limit, Metric, Operator};

impl Cursor<'_> {
    pub fn operator(&mut self) -> Result<Operator, ParseError> {
        self.blanks();
        for (sign, operator) in Operator::SIGNS {
            if self.eat(sign) {
                return Ok(operator);
            }
        }
        Err(self.error("expected <, <=, >, >=, == or !=".to_owned()))
    }

    pub fn limit(&mut self, metric: &Metric) -> Result<Limit, ParseError> {
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
