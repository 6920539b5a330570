//! The report as JUnit XML, as build servers read it: a testcase for the trace
//! itself, for each assertion and for each comparison. An assertion that does not
//! hold is a failure, a figure that could not be measured an error.
//!
//! The document follows the schema that Jenkins validates against
//! (jenkinsci/xunit-plugin, junit-10.xsd).

use super::words::{change, change_word, measure, measured, median, owner, run, whose};
use crate::recording::{AssertionResult, CheckReport, Comparison, Outcome};
use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite, XmlString};
use std::time::{Duration, UNIX_EPOCH};

/// The document.
///
/// # Errors
/// Errors if the document cannot be serialized.
pub fn render(report: &CheckReport) -> Result<String, SerializeError> {
    let mut document = quick_junit::Report::new("swarmtrace check");
    let took = Duration::from_secs_f64(report.run.seconds.max(0.0));
    document.set_time(took);
    document.add_test_suite(suite(report, "trace", took, [trace(report)]));
    let assertions = report.assertions.iter().map(assertion);
    let comparisons = report.comparisons.iter().map(comparison);
    for suite in [
        suite(report, "assertions", Duration::ZERO, assertions),
        suite(report, "baseline", Duration::ZERO, comparisons),
    ] {
        if suite.tests > 0 {
            document.add_test_suite(suite);
        }
    }
    let text = document.to_string()?;
    // quick-junit counts skipped testcases in the root element, too, which that
    // schema refuses.
    let root_count = format!(" skipped=\"{}\"", document.skipped);
    Ok(text.replacen(&root_count, "", 1))
}

fn suite(
    report: &CheckReport,
    name: &str,
    took: Duration,
    cases: impl IntoIterator<Item = TestCase>,
) -> TestSuite {
    let taken = UNIX_EPOCH + Duration::from_secs(report.run.taken);
    // JUnit's own schema allows no time zone, which quick-junit would write.
    let taken = humantime::format_rfc3339_seconds(taken).to_string();
    let taken = taken.trim_end_matches('Z');
    let nodes = report.run.nodes.join(",");
    let mut suite = TestSuite::new(name);
    suite.set_time(took).add_test_cases(cases);
    suite.extra.insert("timestamp".into(), taken.into());
    suite.extra.insert("hostname".into(), xml(&nodes));
    suite
}

fn case(class: &str, name: &str, outcome: Outcome, message: &str) -> TestCase {
    let message = xml(message);
    let failed = |kind, word: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(word);
        status.set_message(&*message).set_description(&*message);
        status
    };
    let status = match outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Regression => failed(NonSuccessKind::Failure, "regression"),
        Outcome::Unmeasured => failed(NonSuccessKind::Error, "unmeasured"),
        Outcome::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&*message);
            status
        }
    };
    let mut case = TestCase::new(xml(name), status);
    case.set_classname(format!("swarmtrace.{class}"));
    case.set_time(Duration::ZERO);
    if outcome == Outcome::Pass {
        case.set_system_out(&*message);
    }
    case
}

fn trace(report: &CheckReport) -> TestCase {
    let problems = &report.run.problems;
    let (outcome, message) = if problems.is_empty() {
        (Outcome::Pass, run(&report.run))
    } else {
        (Outcome::Unmeasured, problems.join("; "))
    };
    case("trace", "the trace is whole", outcome, &message)
}

fn assertion(checked: &AssertionResult) -> TestCase {
    let name = format!("{} [{}]", checked.assertion, whose(checked));
    let measured = format!(
        "measured {} on {} samples",
        measured(checked),
        checked.samples
    );
    let message = match &checked.why {
        Some(why) if checked.measured.is_some() => format!("{measured}: {why}"),
        Some(why) => why.clone(),
        None => measured,
    };
    case("assertion", &name, checked.outcome, &message)
}

fn comparison(compared: &Comparison) -> TestCase {
    let name = format!(
        "{} [{}]",
        measure(&compared.measure),
        owner(&compared.service, &compared.backend)
    );
    let (before, now) = (median(compared.before), median(compared.now));
    let figures = format!(
        "{}: median {before} before, {now} now ({})",
        change_word(compared),
        change(compared.change)
    );
    let message = compared.why.clone().unwrap_or(figures);
    case("baseline", &name, compared.outcome, &message)
}

/// quick-junit removes control characters, not the two other characters that XML
/// cannot hold.
fn xml(text: &str) -> XmlString {
    XmlString::new(text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}"))
}
