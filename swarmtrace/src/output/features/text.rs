//! A line for each feature of the node, with what is lost without it and how to get
//! it where it is missing; then the kernel programs.

use crate::capture::LoadedProgram;
use crate::features::{Feature, Report, State};
use crate::output::style::{FAINT, GOOD, HEADING, NAME, NOTE, PLAIN, WRONG, paint};
use crate::output::table::Table;
use anstyle::Style;

/// The report's text.
pub fn render(report: &Report) -> String {
    let verdict = match (&report.why_not, report.missing()) {
        (Some(why), _) => paint(WRONG, format!("nothing can be traced: {why}")),
        (None, 0) => paint(GOOD, "tracing works"),
        (None, 1) => paint(GOOD, "tracing works, one thing is missing"),
        (None, n) => paint(GOOD, format!("tracing works, {n} things are missing")),
    };
    let kernel = paint(HEADING, format!("Linux {}", report.kernel));
    let mut out = format!("{kernel}: {verdict}\n\n");
    out.push_str(&features(&report.features).render(2));
    if !report.programs.is_empty() {
        out.push('\n');
        out.push_str(&programs(&report.programs).render(2));
    }
    if let Some(ms) = report.load_ms {
        let loaded = format!("loaded in {ms} ms; nothing was attached");
        out.push_str(&format!("  {}\n", paint(FAINT, loaded)));
    }
    out
}

fn features(features: &[Feature]) -> Table {
    let mut table = Table::default();
    for feature in features {
        let (style, word) = match (feature.state, feature.needed) {
            (State::Ok, _) => (GOOD, "ok"),
            (State::Missing, true) => (WRONG, "MISSING"),
            (State::Missing, false) => (NOTE, "missing"),
            (State::Unknown, _) => (NOTE, "unknown"),
        };
        let cell = |style: Style, text: &str| (style, text.to_owned());
        table.row([
            cell(style, word),
            cell(NAME, feature.id.name()),
            cell(PLAIN, &feature.what),
        ]);
        for (label, text) in [("lost", &feature.lost), ("get", &feature.get)] {
            if let Some(text) = text {
                table.row([
                    cell(FAINT, ""),
                    cell(FAINT, &format!("  {label}")),
                    cell(PLAIN, text),
                ]);
            }
        }
    }
    table
}

fn programs(programs: &[LoadedProgram]) -> Table {
    let mut table = Table::default();
    let head = ["PROGRAM", "VERIFIED", "INSTRUCTIONS", "MACHINE CODE"];
    table.row(head.map(|h| (FAINT, h.to_owned())));
    for program in programs {
        let name = (NAME, program.name.clone());
        if let Some(why) = &program.refused {
            table.row([name, (WRONG, format!("refused: {why}"))]);
            continue;
        }
        let number = |number: Option<u32>, none: &str| match number {
            Some(number) => (PLAIN, number.to_string()),
            None => (FAINT, none.to_owned()),
        };
        let bytes = match program.compiled_bytes {
            Some(bytes) => (PLAIN, format!("{bytes} bytes")),
            None => (FAINT, "interpreted".to_owned()),
        };
        table.row([
            name,
            number(program.verified_instructions, "not reported by this kernel"),
            number(program.instructions, "-"),
            bytes,
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Id;
    use crate::output::style::plain;

    fn text(report: &Report) -> Vec<String> {
        let text = plain(&render(report));
        text.lines().map(str::to_owned).collect()
    }

    fn program(verified: Option<u32>) -> LoadedProgram {
        LoadedProgram {
            name: "swarmtrace_in".to_owned(),
            is_tap: true,
            verified_instructions: verified,
            instructions: Some(512),
            compiled_bytes: Some(3000),
            refused: None,
            log: None,
        }
    }

    #[test]
    fn what_is_missing_is_said_with_what_is_lost_and_how_to_get_it() {
        let features = vec![
            Feature::ok(Id::Rights, "root"),
            Feature::missing(Id::ResetReasons, "this kernel has none"),
        ];
        let programs = vec![program(Some(7000))];
        let lines = text(&Report::new("6.1.0".into(), features, programs, Some(31)));
        assert_eq!(
            lines,
            [
                "Linux 6.1.0: tracing works, one thing is missing",
                "",
                "  ok       rights         root",
                "  missing  reset-reasons  this kernel has none",
                "             lost         the kernel gives no reasons for resets, and does not report those that no socket sends",
                "             get          Linux 6.10 or newer",
                "",
                "  PROGRAM        VERIFIED  INSTRUCTIONS  MACHINE CODE",
                "  swarmtrace_in  7000      512           3000 bytes",
                "  loaded in 31 ms; nothing was attached",
            ]
        );
    }

    #[test]
    fn an_old_kernel_does_not_tell_and_a_refusal_is_shown() {
        let refused = LoadedProgram {
            name: "swarmtrace_out".to_owned(),
            refused: Some("R1 invalid".to_owned()),
            ..LoadedProgram::default()
        };
        let features = vec![Feature::missing(Id::Programs, "swarmtrace_out: R1 invalid")];
        let programs = vec![program(None), refused];
        let lines = text(&Report::new("5.10.0".into(), features, programs, None));
        let first = "Linux 5.10.0: nothing can be traced: programs: swarmtrace_out: R1 invalid; ";
        assert!(lines[0].starts_with(first), "{}", lines[0]);
        assert!(
            lines
                .iter()
                .any(|l| l.contains("not reported by this kernel"))
        );
        assert_eq!(
            lines.last().unwrap().trim(),
            "swarmtrace_out  refused: R1 invalid"
        );
    }
}
