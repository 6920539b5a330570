//! The options of `check`, and what they must say together.

use crate::check::{Assertion, parse};
use crate::commands::options::{Selection, Tuning};
use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use std::path::PathBuf;

/// Measures connections and says whether they are as they should be
///
/// Traces for --duration, --count connections or as long as a command runs, or
/// reads what follow recorded, then judges every assertion, and compares with a
/// baseline. Exit status 0: all of it was measured and holds. 1: something does
/// not. 2: it could not be measured (too few samples, events lost, no taps, a
/// failed command), or a mistake on the command line.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = EXAMPLES)]
pub struct Args {
    /// Which connections
    #[command(flatten)]
    pub selection: Selection,
    /// What must hold, like 'handshake.p99 < 5ms'; may be given more than once
    #[arg(long = "assert", short = 'a', value_name = "EXPR")]
    pub asserts: Vec<String>,
    /// A file of assertions, one a line; # begins a comment
    #[arg(long, value_name = "FILE")]
    pub assertions: Option<PathBuf>,
    /// Judge these recordings of 'follow --output json' instead of tracing; several
    /// nodes' are joined
    #[arg(long, value_name = "FILE", num_args = 1..,
          conflicts_with_all = ["service", "port", "network", "client", "count", "duration", "command"])]
    pub from: Vec<PathBuf>,
    /// Compare with the runs in this file
    #[arg(long, short, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Add this run to the baseline in this file, unless something is wrong with it
    ///
    /// Save five or more runs: only several say how much runs differ by
    /// themselves. The latest 20 are kept.
    #[arg(long, value_name = "FILE")]
    pub save_baseline: Option<PathBuf>,
    /// Tolerated regression: how much slower than the baseline a measure may be
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "10%")]
    pub tolerance: f64,
    /// Fewest times that a figure may rest on; a p99 takes 100 anyway
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub min_samples: u64,
    /// How to print the outcome
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Write the outcome to a file, too: junit=report.xml, markdown=summary.md; may be
    /// given more than once
    #[arg(long, value_name = "FORMAT=FILE", value_parser = parse_report)]
    pub report: Vec<(Format, PathBuf)>,
    /// With how much effort
    #[command(flatten)]
    pub tuning: Tuning,
    /// Trace while this command runs; what it prints goes to standard error, and if
    /// it fails nothing was measured
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// How `check` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people.
    Text,
    /// One JSON object.
    Json,
    /// JUnit XML, a testcase for each assertion and comparison.
    Junit,
    /// Markdown, for a pull request.
    Markdown,
}

impl Args {
    /// The assertions, with the one that nothing was lost unless there is one
    /// about that.
    pub fn assertions(&self) -> Result<Vec<Assertion>> {
        let mut all = Vec::new();
        for text in &self.asserts {
            all.push(parse::assertion(text)?);
        }
        if let Some(path) = &self.assertions {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            for (number, line) in (1..).zip(text.lines()) {
                let line = line.trim_end();
                if line.is_empty() || line.trim_start().starts_with('#') {
                    continue;
                }
                let place = || format!("{}, line {number}", path.display());
                all.push(parse::assertion(line).with_context(place)?);
            }
        }
        if all.is_empty() && self.baseline.is_none() && self.save_baseline.is_none() {
            bail!("nothing to check: give --assert, --baseline or --save-baseline");
        }
        if !all.iter().any(Assertion::is_about_loss) {
            all.push(Assertion::nothing_lost());
        }
        Ok(all)
    }

    /// Refuses a trace that would never end.
    pub fn ends(&self) -> Result<()> {
        let selection = &self.selection;
        let bounded = selection.duration.is_some() || selection.count.is_some();
        if !bounded && self.from.is_empty() && self.command.is_empty() {
            bail!("say when to stop: --duration, --count, or -- COMMAND (or --from FILE)");
        }
        Ok(())
    }

    /// The command line without what was given to the command.
    pub fn command_line(&self) -> String {
        let words = std::env::args().skip(1).take_while(|word| word != "--");
        let mut line = "swarmtrace".to_owned();
        for word in words {
            line.push(' ');
            line.push_str(&word);
        }
        line
    }
}

fn parse_report(text: &str) -> Result<(Format, PathBuf), String> {
    let expected = || "expected a format and a file, like junit=report.xml".to_owned();
    let (format, file) = text.split_once('=').ok_or_else(expected)?;
    let format = Format::from_str(format, false).map_err(|_| {
        let names = Format::value_variants().iter();
        let names = names.filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|n| n.get_name().to_owned()).collect();
        format!("{format:?} is no format; there are {}", names.join(", "))
    })?;
    if file.is_empty() {
        return Err(expected());
    }
    Ok((format, PathBuf::from(file)))
}

fn parse_percent(text: &str) -> Result<f64, String> {
    text.strip_suffix('%')
        .and_then(|number| number.trim().parse::<f64>().ok())
        .filter(|number| (0.0..=1000.0).contains(number))
        .map(|number| number / 100.0)
        .ok_or_else(|| "expected a percentage, like 10%".to_owned())
}

const EXAMPLES: &str = "\
Assertions: [SCOPE:] FIGURE SIGN VALUE
  Figures of times     handshake.p99  first_byte.median  hop(ingress_sbox).p50
                       hop(vxlan, back).max  edge(host eth0 in -> vote nic(ingress) in).p90
                       with p50 … p99.9, median, min, max, mean; values like 200us, 5ms
  Counts               rst.handshake  rst.total  retransmit.syn  retransmit.total
                       connections  failed  unanswered  lost
                       values like 0 or 0.5%, of the connections (of lost: of the events)
  Signs                <  <=  >  >=  ==  !=
  Scopes               none: every backend of every service by itself
                       service(vote):  backend(vote.2):  all:

  hop(NAME) is the time from the hop before to that one, on the way to the task.
  NAME is a hop as follow's latency table prints it, a namespace, or a device; what
  fits several hops is an error that lists them. Unless an assertion says otherwise,
  lost == 0 is one of them.

Examples:
  Half a minute of vote's connections:
      swarmtrace check --service vote --port 8080 --duration 30s \\
          --assert 'handshake.p99 < 5ms' --assert 'rst.handshake == 0' --assert 'failed < 0.1%'
  While a load test runs, with a report for the build server:
      swarmtrace check --port 8080 --assertions limits.txt \\
          --report junit=report.xml --report markdown=summary.md -- ./load-test.sh
  A baseline of five runs, then a comparison:
      for i in 1 2 3 4 5; do swarmtrace check -p 8080 -c 500 --save-baseline base.json; done
      swarmtrace check -p 8080 -c 500 --baseline base.json --tolerance 15%
  What was recorded on two nodes:
      swarmtrace check --from a.json b.json --assert 'hop(vxlan out).max < 2ms'

A baseline comparison finds a measure slower if the rank-sum test says so (1 %, Holm's
correction over all measures, stretches of a run as units), if its median or p90 changed by
more than --tolerance, and by more than another run of the baseline would (a prediction
interval from its runs). An edge must also cost a quarter of the tolerance of the handshake.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_format_and_a_file() {
        let report = parse_report("junit=a=b.xml");
        assert_eq!(report, Ok((Format::Junit, PathBuf::from("a=b.xml"))));
        for bad in ["junit", "junit=", "=a", "xml=a"] {
            assert!(parse_report(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tolerance_is_a_percentage() {
        assert_eq!(parse_percent("10%"), Ok(0.1));
        assert_eq!(parse_percent("0%"), Ok(0.0));
        for bad in ["10", "%", "-1%", "ten%", "nan%", "1e9%"] {
            assert!(parse_percent(bad).is_err(), "{bad}");
        }
    }
}
