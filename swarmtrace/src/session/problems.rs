//! What keeps a trace from proving anything.

use super::ends::End;
use super::figures::TraceFigures;
use super::options::TraceLimits;

/// Every reason for which nothing follows from what was counted, a line each:
/// recordings that were cut short, no taps, an end other than the limits' own,
/// connections that were not kept.
pub fn problems(
    figures: &TraceFigures,
    limits: &TraceLimits,
    ended: &[End],
    counted: u64,
) -> Vec<String> {
    let mut problems = figures.cut_short.clone();
    if figures.taps == Some(0) {
        problems.push("not one device could be tapped".to_owned());
    }
    let within = (limits.duration).map_or_else(String::new, |duration| {
        format!(" within {}", humantime::format_duration(duration))
    });
    for end in ended {
        match end {
            End::Signal => problems.push("interrupted before its end".to_owned()),
            End::Command(status) if !status.success() => {
                problems.push(format!("the command failed ({status})"));
            }
            End::Command(_) => {}
            End::Time => {
                if !limits.command.is_empty() {
                    problems.push(format!("the command did not end{within}"));
                }
                if let Some(count) = limits.count
                    && counted < count
                {
                    problems.push(format!("only {counted} of {count} connections{within}"));
                }
            }
        }
    }
    if figures.evicted > 0 {
        let evicted = figures.evicted;
        problems.push(format!("{evicted} connections were too many to keep"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_its_own_limits_end_a_trace_well() {
        let figures = TraceFigures::default();
        let limits = TraceLimits {
            count: Some(10),
            duration: Some(Duration::from_secs(5)),
            command: Vec::new(),
        };
        let of = |ended: &[End], counted| problems(&figures, &limits, ended, counted);
        assert!(of(&[], 10).is_empty() && of(&[End::Time], 10).is_empty());
        assert_eq!(of(&[End::Time], 9), ["only 9 of 10 connections within 5s"]);
        assert_eq!(of(&[End::Signal], 3), ["interrupted before its end"]);
        let untapped = TraceFigures {
            taps: Some(0),
            ..TraceFigures::default()
        };
        let all = problems(&untapped, &TraceLimits::default(), &[], 0);
        assert_eq!(all, ["not one device could be tapped"]);
    }
}
