//! Assertions against what was seen.

use super::assertion::{Assertion, Count, Limit, Metric, Scope, Time};
use super::measure::{self, NoFigure};
use super::record::{Connection, Record};
use super::report::{Checked, Outcome, Run};
use std::collections::BTreeMap;

/// Judges an assertion for each of those whom it is about.
pub fn judge(assertion: &Assertion, record: &Record, run: &Run, least: u64) -> Vec<Checked> {
    let judged: Vec<(Subject<'_>, Result<Figure, NoFigure>)> = subjects(assertion, record)
        .into_iter()
        .map(|subject| {
            let figure = figure(assertion, record, run, &subject, least);
            (subject, figure)
        })
        .collect();
    // A path that not everybody takes is no fault of those who do not; one that
    // nobody takes was not measured.
    let somewhere = judged.iter().any(|(_, figure)| figure.is_ok());
    (judged.into_iter())
        .map(|(subject, figure)| checked(assertion, subject, figure, somewhere))
        .collect()
}

/// Some connections, and whose they are.
#[derive(Default)]
struct Subject<'a> {
    service: Option<String>,
    backend: Option<String>,
    connections: Vec<&'a Connection>,
    /// Why there are none.
    nobody: Option<String>,
}

struct Figure {
    value: f64,
    samples: u64,
    unit: &'static str,
}

fn subjects<'a>(assertion: &Assertion, record: &'a Record) -> Vec<Subject<'a>> {
    let all = || record.connections.iter().collect::<Vec<_>>();
    let whole = Subject {
        connections: all(),
        ..Subject::default()
    };
    match (&assertion.scope, &assertion.metric) {
        (Scope::All, _) => vec![whole],
        // What is all of it is not asked of a part.
        (_, Metric::Count(Count::Lost)) | (Scope::Each, Metric::Count(Count::Connections)) => {
            vec![whole]
        }
        (Scope::Service(name), _) => vec![named(record, Some(name), None)],
        (Scope::Backend(name), _) => vec![named(record, None, Some(name))],
        (Scope::Each, metric) => {
            let timed = matches!(metric, Metric::Time(..));
            let each = each(record, timed);
            if each.is_empty() { vec![whole] } else { each }
        }
    }
}

/// Each backend of each service. Times are asked of those that connections got
/// to; a failure to get anywhere is a matter of counts.
fn each(record: &Record, timed: bool) -> Vec<Subject<'_>> {
    let mut by_group = BTreeMap::new();
    for connection in &record.connections {
        if let Some(group) = record.groups.get(connection.group)
            && (group.backend.is_some() || !timed)
        {
            by_group
                .entry(group)
                .or_insert_with(Vec::new)
                .push(connection);
        }
    }
    let subject = |(group, connections): (&super::record::Group, Vec<_>)| Subject {
        service: Some(group.service.clone()),
        backend: Some(
            group
                .backend
                .clone()
                .unwrap_or_else(|| "no backend".to_owned()),
        ),
        connections,
        nobody: None,
    };
    by_group.into_iter().map(subject).collect()
}

fn named<'a>(record: &'a Record, service: Option<&str>, backend: Option<&str>) -> Subject<'a> {
    let fits = |c: &&Connection| {
        record.groups.get(c.group).is_some_and(|group| {
            service.is_none_or(|name| group.service == name)
                && backend.is_none_or(|name| group.backend.as_deref() == Some(name))
        })
    };
    let connections: Vec<&Connection> = record.connections.iter().filter(fits).collect();
    let nobody = connections.is_empty().then(|| {
        let (what, name) = match (service, backend) {
            (Some(name), _) => ("service", name),
            (_, name) => ("backend", name.unwrap_or_default()),
        };
        let there: std::collections::BTreeSet<&str> = (record.groups.iter())
            .filter_map(|g| match service {
                Some(_) => Some(g.service.as_str()),
                None => g.backend.as_deref(),
            })
            .collect();
        let there: Vec<&str> = there.into_iter().collect();
        let there = if there.is_empty() {
            "none".to_owned()
        } else {
            there.join(", ")
        };
        format!("no connection of {what} '{name}' was seen; there are: {there}")
    });
    Subject {
        service: service.map(str::to_owned),
        backend: backend.map(str::to_owned),
        connections,
        nobody,
    }
}

fn figure(
    assertion: &Assertion,
    record: &Record,
    run: &Run,
    subject: &Subject<'_>,
    least: u64,
) -> Result<Figure, NoFigure> {
    let of = &subject.connections;
    if let Some(nobody) = &subject.nobody {
        return Err(NoFigure::Unclear(nobody.clone()));
    }
    let count = match &assertion.metric {
        Metric::Time(what, statistic) => {
            if *what == Time::Handshake && !of.is_empty() && !of.iter().any(|c| c.tcp) {
                return Err(NoFigure::Elsewhere("UDP has no handshake".to_owned()));
            }
            if of.is_empty() {
                return Err(NoFigure::Unclear("no connection was seen".to_owned()));
            }
            let samples = measure::times(record, of, what)?;
            return Ok(Figure {
                value: measure::figure(&samples, *statistic, least)?,
                samples: samples.len() as u64,
                unit: "ns",
            });
        }
        Metric::Count(count) => *count,
    };
    let (number, whole) = match count {
        Count::Lost => match run.lost {
            Some(lost) => (lost, lost.saturating_add(run.events)),
            None => return Err(NoFigure::Unclear("nobody counted what was lost".to_owned())),
        },
        // None at all is an answer.
        Count::Connections => (of.len() as u64, of.len() as u64),
        _ if of.is_empty() => {
            return Err(NoFigure::Unclear("no connection was seen".to_owned()));
        }
        other => (measure::count(of, other), of.len() as u64),
    };
    let (value, unit) = match assertion.limit {
        Limit::Percent(_) if whole > 0 => (100.0 * number as f64 / whole as f64, "%"),
        Limit::Percent(_) => (0.0, "%"),
        Limit::Count(_) | Limit::Time(_) => (number as f64, "count"),
    };
    Ok(Figure {
        value,
        samples: whole,
        unit,
    })
}

fn checked(
    assertion: &Assertion,
    subject: Subject<'_>,
    figure: Result<Figure, NoFigure>,
    somewhere: bool,
) -> Checked {
    let (Limit::Time(limit) | Limit::Count(limit) | Limit::Percent(limit)) = assertion.limit;
    let mut checked = Checked {
        assertion: assertion.text.clone(),
        service: subject.service,
        backend: subject.backend,
        measured: None,
        unit: "",
        samples: 0,
        outcome: Outcome::Unmeasured,
        why: None,
    };
    match figure {
        Ok(figure) => {
            checked.measured = Some(figure.value);
            checked.unit = figure.unit;
            checked.samples = figure.samples;
            if assertion.comparison.holds(figure.value, limit) {
                checked.outcome = Outcome::Pass;
            } else if assertion.is_about_loss() {
                checked.why = Some("too much was lost for the rest to be trusted".to_owned());
            } else {
                checked.outcome = Outcome::Regression;
            }
        }
        Err(NoFigure::Elsewhere(why)) => {
            if somewhere {
                checked.outcome = Outcome::Skipped;
            }
            checked.why = Some(why);
        }
        Err(NoFigure::Unclear(why)) => checked.why = Some(why),
        Err(NoFigure::TooFew { got, wanted }) => {
            checked.samples = got;
            checked.why = Some(format!("too few samples: {got}, and it takes {wanted}"));
        }
    }
    checked
}
