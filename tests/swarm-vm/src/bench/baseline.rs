//! A run beside an earlier one.
//!
//! The counts are the same whenever they are measured, so a tolerance is all that
//! they need. Rates are compared as ratios to the untraced run beside them, only
//! where both runs were not emulated, and only a loss that is beyond the tolerance
//! and beyond what the rounds differ among themselves counts.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::mode::Mode;
use super::report::{Report, Row};

/// Reads a baseline.
///
/// # Errors
/// Errors if it is none, or one of another kernel or Docker.
pub fn read(path: &Path, report: &Report) -> Result<Report> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the baseline {}", path.display()))?;
    let baseline: Report = serde_json::from_str(&text)
        .with_context(|| format!("{} is not what --save-baseline wrote", path.display()))?;
    let same = |a: &str, b: &str| series(a) == series(b);
    ensure!(
        same(&baseline.kernel, &report.kernel) && baseline.debian == report.debian,
        "{} is of Linux {} with Debian {}'s Docker, this is Linux {} with Debian {}'s: measure \
         the same",
        path.display(),
        baseline.kernel,
        baseline.debian,
        report.kernel,
        report.debian
    );
    Ok(baseline)
}

/// `6.1` of `6.1.0-56-cloud-amd64`.
fn series(release: &str) -> Vec<&str> {
    release.split(['.', '-']).take(2).collect()
}

/// What got worse by more than `tolerance` (0.1 is 10 %), a line each.
pub fn regressions(baseline: &Report, now: &Report, tolerance: f64) -> Vec<String> {
    let mut worse = Vec::new();
    for (name, then) in &baseline.stable {
        match now.stable.get(name) {
            Some(now) if *now > then * (1.0 + tolerance) => {
                worse.push(format!("{name}: {now:.1}, it was {then:.1}"));
            }
            Some(_) => {}
            None => worse.push(format!("{name}: not measured, it was {then:.1}")),
        }
    }
    if baseline.emulated || now.emulated {
        return worse;
    }
    for then in baseline.rows.iter().filter(|r| is_ours(r)) {
        let same = |row: &&Row| row.load == then.load && row.mode == then.mode;
        let Some(row) = now.rows.iter().find(same) else {
            continue;
        };
        let (is, was) = (row.ratio, then.ratio);
        if is.median < was.median * (1.0 - tolerance) && is.most < was.least {
            worse.push(format!(
                "{}, {}: {:.2} of untraced, it was {:.2}",
                row.load, row.mode, is.median, was.median
            ));
        }
    }
    worse
}

fn is_ours(row: &Row) -> bool {
    Mode::OURS.iter().any(|mode| mode.name() == row.mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spread::Spread;

    fn report(events: f64, ratio: f64, emulated: bool) -> Report {
        let spread = |median: f64| Spread {
            least: median * 0.99,
            median,
            most: median * 1.01,
        };
        Report {
            kernel: "6.1.0-56-cloud-amd64".to_owned(),
            debian: "12".to_owned(),
            emulated,
            machine: String::new(),
            rounds: 3,
            seconds: 1,
            rows: vec![Row {
                load: "UDP questions".to_owned(),
                mode: "follow".to_owned(),
                per_second: spread(100.0),
                ratio: spread(ratio),
                p50_ms: spread(1.0),
                p99_ms: spread(2.0),
                processor_ms: spread(1.0),
                failed: 0,
            }],
            events: [("follow".to_owned(), (100, 0))].into(),
            stable: [("follow: events a connection".to_owned(), events)].into(),
        }
    }

    #[test]
    fn more_events_are_a_regression() {
        let then = report(60.0, 0.95, true);
        assert!(regressions(&then, &report(65.0, 0.95, true), 0.1).is_empty());
        let worse = regressions(&then, &report(67.0, 0.95, true), 0.1);
        assert_eq!(worse, ["follow: events a connection: 67.0, it was 60.0"]);
    }

    #[test]
    fn a_figure_that_is_gone_is_one() {
        let then = report(60.0, 0.95, true);
        let mut now = then.clone();
        now.stable.clear();
        assert_eq!(regressions(&then, &now, 0.1).len(), 1);
    }

    #[test]
    fn a_slower_rate_counts_only_where_nothing_was_emulated() {
        let slower = |emulated| {
            let (then, now) = (report(60.0, 0.95, emulated), report(60.0, 0.80, emulated));
            regressions(&then, &now, 0.1)
        };
        assert_eq!(slower(true), Vec::<String>::new());
        assert_eq!(
            slower(false),
            ["UDP questions, follow: 0.80 of untraced, it was 0.95"]
        );
    }

    #[test]
    fn another_kernel_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.json");
        let then = report(60.0, 0.95, true);
        std::fs::write(&path, serde_json::to_vec(&then).unwrap()).unwrap();
        let mut now = then.clone();
        now.kernel = "6.1.0-57-cloud-amd64".to_owned();
        assert!(read(&path, &now).is_ok());
        now.kernel = "6.12.9-cloud-amd64".to_owned();
        let error = format!("{:#}", read(&path, &now).unwrap_err());
        assert!(error.contains("6.12"), "{error}");
    }
}
