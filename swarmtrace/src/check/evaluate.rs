//! Evaluation of assertions.

use super::assertion::{Assertion, Count, Limit, Metric, Scope, Time};
use super::figures::{self, NoFigure};
use super::observations::{Connection, Observations};
use crate::recording::{AssertionResult, Outcome, RunSummary, Unit};
use std::collections::BTreeMap;

/// Evaluates an assertion for each group of connections that it is about. A figure
/// needs at least `least` samples.
pub fn evaluate(
    assertion: &Assertion,
    seen: &Observations,
    run: &RunSummary,
    least: u64,
) -> Vec<AssertionResult> {
    let judged: Vec<(Subject<'_>, Result<Figure, NoFigure>)> = subjects(assertion, seen)
        .into_iter()
        .map(|subject| {
            let figure = figure(assertion, seen, run, &subject, least);
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

/// Some connections, and the service and backend that they have in common.
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
    unit: Unit,
}

fn subjects<'a>(assertion: &Assertion, seen: &'a Observations) -> Vec<Subject<'a>> {
    let all = || seen.connections.iter().collect::<Vec<_>>();
    let whole = Subject {
        connections: all(),
        ..Subject::default()
    };
    match (&assertion.scope, &assertion.metric) {
        (Scope::All, _) => vec![whole],
        // These are figures of the whole trace.
        (_, Metric::Count(Count::Lost)) | (Scope::Each, Metric::Count(Count::Connections)) => {
            vec![whole]
        }
        (Scope::Service(name), _) => vec![named(seen, Some(name), None)],
        (Scope::Backend(name), _) => vec![named(seen, None, Some(name))],
        (Scope::Each, metric) => {
            let timed = matches!(metric, Metric::Time(..));
            let each = each(seen, timed);
            if each.is_empty() { vec![whole] } else { each }
        }
    }
}

/// Each backend of each service. Connections that reached no backend have no times,
/// only counts.
fn each(seen: &Observations, timed: bool) -> Vec<Subject<'_>> {
    let mut by_group = BTreeMap::new();
    for connection in &seen.connections {
        if let Some(target) = seen.targets.get(connection.target)
            && (target.backend.is_some() || !timed)
        {
            by_group
                .entry(target)
                .or_insert_with(Vec::new)
                .push(connection);
        }
    }
    let subject = |(target, connections): (&super::observations::Target, Vec<_>)| Subject {
        service: Some(target.service.clone()),
        backend: Some(
            target
                .backend
                .clone()
                .unwrap_or_else(|| "no backend".to_owned()),
        ),
        connections,
        nobody: None,
    };
    by_group.into_iter().map(subject).collect()
}

fn named<'a>(seen: &'a Observations, service: Option<&str>, backend: Option<&str>) -> Subject<'a> {
    let fits = |c: &&Connection| {
        seen.targets.get(c.target).is_some_and(|target| {
            service.is_none_or(|name| target.service == name)
                && backend.is_none_or(|name| target.backend.as_deref() == Some(name))
        })
    };
    let connections: Vec<&Connection> = seen.connections.iter().filter(fits).collect();
    let nobody = connections.is_empty().then(|| {
        let (what, name) = match (service, backend) {
            (Some(name), _) => ("service", name),
            (_, name) => ("backend", name.unwrap_or_default()),
        };
        let there: std::collections::BTreeSet<&str> = (seen.targets.iter())
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
    seen: &Observations,
    run: &RunSummary,
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
            let samples = figures::times(seen, of, what)?;
            return Ok(Figure {
                value: figures::figure(&samples, *statistic, least)?,
                samples: samples.len() as u64,
                unit: Unit::Nanoseconds,
            });
        }
        Metric::Count(count) => *count,
    };
    let (number, whole) = match count {
        Count::Lost => match run.lost {
            Some(lost) => (lost, lost.saturating_add(run.events)),
            None => return Err(NoFigure::Unclear("lost events were not counted".to_owned())),
        },
        // None at all is an answer.
        Count::Connections => (of.len() as u64, of.len() as u64),
        _ if of.is_empty() => {
            return Err(NoFigure::Unclear("no connection was seen".to_owned()));
        }
        other => (figures::count(of, other), of.len() as u64),
    };
    let (value, unit) = match assertion.limit {
        Limit::Percent(_) if whole > 0 => (100.0 * number as f64 / whole as f64, Unit::Percent),
        Limit::Percent(_) => (0.0, Unit::Percent),
        Limit::Count(_) | Limit::Time(_) => (number as f64, Unit::Count),
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
) -> AssertionResult {
    let (Limit::Time(limit) | Limit::Count(limit) | Limit::Percent(limit)) = assertion.limit;
    let mut checked = AssertionResult {
        assertion: assertion.text.clone(),
        service: subject.service,
        backend: subject.backend,
        measured: None,
        unit: Unit::None,
        samples: 0,
        outcome: Outcome::Unmeasured,
        why: None,
    };
    match figure {
        Ok(figure) => {
            checked.measured = Some(figure.value);
            checked.unit = figure.unit;
            checked.samples = figure.samples;
            if assertion.operator.holds(figure.value, limit) {
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
