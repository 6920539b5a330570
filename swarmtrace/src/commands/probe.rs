//! `swarmtrace probe`: the one command that sends.

use super::options::OutputFormat;
use crate::output;
use crate::probe::{self, Limits, Report};
use crate::recording;
use crate::topology::Topology;
use anyhow::bail;
use std::process::ExitCode;
use std::time::Duration;

/// Something does not pass.
const FAILS: u8 = 1;

/// Sends a little traffic of its own to a service: what passes from this node?
///
/// TCP handshakes with the service's published ports on this node, then with
/// each task from the load balancers' namespaces, and ICMP echoes to each task,
/// small and as large as the overlay's MTU. Tells a blocked data path, an MTU
/// hole, broken checksums and a port on which nothing listens apart, in seconds.
///
/// No application data is sent, nothing but the service's own addresses is sent
/// to, and what will be sent is said before. A server sees connections that are
/// closed at once. UDP ports are not asked: only the application could answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code:
  0  all that was sent was answered
  1  something does not pass
  2  nothing could be sent: not root, no such service, another node, or no task")]
pub struct Args {
    /// The service, by name or id
    #[arg(long, short, value_name = "SERVICE")]
    service: String,

    /// The node whose part is probed: only this one can be, for another one it is
    /// said what to run there
    #[arg(long, value_name = "NODE")]
    from: Option<String>,

    /// Echoes of each size, and handshakes a task through the mesh
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10))]
    count: u32,

    /// How long to wait for an answer
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = timeout)]
    timeout: Duration,

    /// How to print: text for people, json for one object with every answer and verdict
    #[arg(long, short, value_enum, default_value_t = OutputFormat::Text)]
    output: OutputFormat,
}

fn timeout(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|e| e.to_string())?;
    match (Duration::from_millis(10)..=Duration::from_secs(30)).contains(&time) {
        true => Ok(time),
        false => Err("between 10ms and 30s".to_owned()),
    }
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let limits = Limits {
            timeout: self.timeout,
            count: self.count,
        };
        let topology = Topology::read().await?;
        for gap in &topology.gaps {
            anstream::eprintln!("swarmtrace: note: {gap}");
        }
        if let Some(from) = &self.from {
            here(&topology, from, &self.service)?;
        }
        let service = topology.require_service(&self.service)?;
        let plan = probe::plan(&topology, service, limits);
        if plan.targets.is_empty() {
            let why = match plan.not_probed.is_empty() {
                true => "it has no running task".to_owned(),
                false => plan.not_probed.join("; "),
            };
            bail!("nothing of {} can be probed: {why}", service.name);
        }
        anstream::eprintln!("{}", plan.announcement(limits));
        let send = move || probe::run(&plan, limits).map(|outcomes| Report::new(&plan, outcomes));
        let report = match tokio::task::spawn_blocking(send).await {
            Ok(report) => report?,
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        };
        output::print(&match self.output {
            OutputFormat::Text => output::probe::text::render(&report),
            OutputFormat::Json => recording::write_pretty(&report)?,
        })?;
        Ok(match report.failures() {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(FAILS),
        })
    }
}

/// Refuses another node than this one, with what to run there.
fn here(topology: &Topology, from: &str, service: &str) -> anyhow::Result<()> {
    if topology.hostname == from {
        return Ok(());
    }
    match topology.require_node(from)? {
        node if node.local => Ok(()),
        node => bail!(
            "{0}'s part can only be probed there: run on {0}: sudo swarmtrace probe --service \
             {service}",
            topology.node_name(node)
        ),
    }
}
