//! A check's outcome as JUnit XML, as build servers read it: a testcase for the
//! trace itself, for each assertion and for each comparison. What does not hold
//! is a failure, what could not be measured an error.

use super::check_words::{change, change_word, measure, measured, median, owner, run, whose};
use crate::check::compare::Compared;
use crate::check::{Checked, Outcome, Report};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use std::io;

/// A testcase.
struct Case {
    class: &'static str,
    name: String,
    outcome: Outcome,
    message: String,
}

/// The document.
pub fn render(report: &Report) -> io::Result<String> {
    let cases = [
        ("trace", vec![trace(report)]),
        (
            "assertions",
            report.assertions.iter().map(assertion).collect(),
        ),
        (
            "baseline",
            report.comparisons.iter().map(comparison).collect(),
        ),
    ];
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all: Vec<&Case> = cases.iter().flat_map(|(_, cases)| cases).collect();
    let count = |outcome| number(&all, outcome);
    writer
        .create_element("testsuites")
        .with_attribute(("name", "swarmtrace check"))
        .with_attribute(("tests", all.len().to_string().as_str()))
        .with_attribute(("failures", count(Outcome::Regression).as_str()))
        .with_attribute(("errors", count(Outcome::Unmeasured).as_str()))
        .with_attribute(("time", seconds(report).as_str()))
        .write_inner_content(|writer| {
            for (name, cases) in cases.iter().filter(|(_, cases)| !cases.is_empty()) {
                suite(writer, report, name, cases)?;
            }
            Ok(())
        })?;
    let mut text = String::from_utf8(writer.into_inner()).map_err(io::Error::other)?;
    text.push('\n');
    Ok(text)
}

fn number(cases: &[&Case], outcome: Outcome) -> String {
    cases
        .iter()
        .filter(|c| c.outcome == outcome)
        .count()
        .to_string()
}

fn seconds(report: &Report) -> String {
    format!("{:.3}", report.run.seconds)
}

fn suite(
    writer: &mut Writer<Vec<u8>>,
    report: &Report,
    name: &str,
    cases: &[Case],
) -> io::Result<()> {
    let all: Vec<&Case> = cases.iter().collect();
    let taken = std::time::UNIX_EPOCH + std::time::Duration::from_secs(report.run.taken);
    // The schemas want it without a zone.
    let taken = humantime::format_rfc3339_seconds(taken).to_string();
    let time = if name == "trace" {
        seconds(report)
    } else {
        "0".to_owned()
    };
    writer
        .create_element("testsuite")
        .with_attribute(("name", name))
        .with_attribute(("tests", cases.len().to_string().as_str()))
        .with_attribute(("failures", number(&all, Outcome::Regression).as_str()))
        .with_attribute(("errors", number(&all, Outcome::Unmeasured).as_str()))
        .with_attribute(("skipped", number(&all, Outcome::Skipped).as_str()))
        .with_attribute(("time", time.as_str()))
        .with_attribute(("timestamp", taken.trim_end_matches('Z')))
        .with_attribute(("hostname", clean(&report.run.nodes.join(",")).as_str()))
        .write_inner_content(|writer| cases.iter().try_for_each(|c| testcase(writer, c)))?;
    Ok(())
}

fn testcase(writer: &mut Writer<Vec<u8>>, case: &Case) -> io::Result<()> {
    let class = format!("swarmtrace.{}", case.class);
    let name = clean(&case.name);
    let message = clean(&case.message);
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", class.as_str()))
        .with_attribute(("name", name.as_str()))
        .with_attribute(("time", "0"));
    let (child, kind) = match case.outcome {
        Outcome::Pass => ("system-out", None),
        Outcome::Regression => ("failure", Some("regression")),
        Outcome::Unmeasured => ("error", Some("unmeasured")),
        Outcome::Skipped => ("skipped", None),
    };
    element.write_inner_content(|writer| {
        let text = BytesText::new(&message);
        let mut inner = writer.create_element(child);
        if child != "system-out" {
            inner = inner.with_attribute(("message", message.as_str()));
        }
        match (child, kind) {
            ("skipped", _) => inner.write_empty().map(drop),
            (_, Some(kind)) => {
                let inner = inner.with_attribute(("type", kind));
                inner.write_text_content(text).map(drop)
            }
            (_, None) => inner.write_text_content(text).map(drop),
        }
    })?;
    Ok(())
}

fn trace(report: &Report) -> Case {
    let problems = &report.run.problems;
    Case {
        class: "trace",
        name: "the trace is whole".to_owned(),
        outcome: if problems.is_empty() {
            Outcome::Pass
        } else {
            Outcome::Unmeasured
        },
        message: if problems.is_empty() {
            run(&report.run)
        } else {
            problems.join("; ")
        },
    }
}

fn assertion(checked: &Checked) -> Case {
    let measured = format!(
        "measured {} on {} samples",
        measured(checked),
        checked.samples
    );
    Case {
        class: "assertion",
        name: format!("{} [{}]", checked.assertion, whose(checked)),
        outcome: checked.outcome,
        message: match &checked.why {
            Some(why) if checked.measured.is_some() => format!("{measured}: {why}"),
            Some(why) => why.clone(),
            None => measured,
        },
    }
}

fn comparison(compared: &Compared) -> Case {
    let (before, now) = (median(compared.before), median(compared.now));
    let figures = format!(
        "{}: median {before} before, {now} now ({})",
        change_word(compared),
        change(compared.change)
    );
    Case {
        class: "baseline",
        name: format!(
            "{} [{}]",
            measure(&compared.measure),
            owner(&compared.service, &compared.backend)
        ),
        outcome: compared.outcome,
        message: match &compared.why {
            Some(why) => why.clone(),
            None => figures,
        },
    }
}

/// Without the characters that XML has no way to write.
fn clean(text: &str) -> String {
    let is_fine = |c: char| match c {
        '\u{fffe}' | '\u{ffff}' => false,
        c => !c.is_control() || c == '\n' || c == '\t',
    };
    text.chars()
        .map(|c| if is_fine(c) { c } else { '\u{fffd}' })
        .collect()
}
