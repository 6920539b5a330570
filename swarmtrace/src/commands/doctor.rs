//! `swarmtrace doctor`: what is wrong with this node's part of the Swarm, found
//! without traffic.

use super::options::OutputFormat;
use crate::doctor::{self, Severity};
use crate::{output, recording};
use std::process::ExitCode;

/// Something broken or risky was found.
const FOUND: u8 = 1;
/// This node could not be examined, or only without Docker's word.
const NOT_EXAMINED: u8 = 2;

/// Compares what Docker says with what the kernel has, and lists what differs
///
/// Needs no traffic and changes nothing: load balancers' destinations, firewall
/// marks and rules, forwarding and neighbour entries, addresses, MTUs, settings,
/// modules, ports and encryption, in every network namespace. Worst first: each
/// finding says what, where, why it matters, how to confirm and how to fix it.
/// What could not be read is listed as not checked.
///
/// What is found is looked at again after three seconds, and only what is still
/// so is reported.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code:
  0  nothing broken or risky was found (there may be notes)
  1  something broken or risky was found
  2  this node could not be examined: not root, or nothing was found but Docker
     did not answer, so that most of it was not checked")]
pub struct Args {
    /// How to print: text for people, json for one object with the findings and what was not
    /// checked
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    output: OutputFormat,

    /// Only what concerns this service, by name or id: its own findings and those
    /// of the whole node
    #[arg(long, short, value_name = "SERVICE")]
    service: Option<String>,
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let (topology, mut report) = doctor::examine().await?;
        if let Some(asked) = &self.service {
            let service = topology.require_service(asked)?;
            let networks = topology.networks_of(service);
            let networks: Vec<&str> = networks.map(|n| n.name.as_str()).collect();
            report.only(service, &networks);
        }
        output::print(&match self.output {
            OutputFormat::Text => output::doctor::text::render(&report),
            OutputFormat::Json => recording::write_pretty(&report)?,
        })?;
        let bad = report.count(Severity::Broken) + report.count(Severity::Risky);
        Ok(match (bad, &topology.docker) {
            (0, Some(_)) => ExitCode::SUCCESS,
            (0, None) => ExitCode::from(NOT_EXAMINED),
            _ => ExitCode::from(FOUND),
        })
    }
}
