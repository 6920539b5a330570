//! `swarmtrace topology`: what this node is made of, on one screen.

use crate::output;
use crate::recording;
use crate::topology::{Excerpt, Topology};
use clap::ValueEnum;
use std::process::ExitCode;

/// Shows networks, services, tasks, load balancers and namespaces of this node
///
/// Published ports with the way a connection takes to its backends, services
/// with their virtual addresses and this node's firewall marks, and every
/// network namespace with its devices, what they are connected to, and where
/// overlays send frames for other nodes. What does not fit together is marked
/// with "!". What could not be read is said on standard error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to print
    #[arg(long, short, value_enum, default_value_t = TopologyFormat::Text)]
    output: TopologyFormat,

    /// Only these services, by name or id, and their networks; may be repeated
    #[arg(long, short, value_name = "SERVICE")]
    service: Vec<String>,

    /// Only these networks, by name or id, and what is attached; may be repeated
    #[arg(long, short, value_name = "NETWORK")]
    network: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TopologyFormat {
    /// For people
    Text,
    /// The whole snapshot
    Json,
    /// A graph for Graphviz: swarmtrace topology -o dot | dot -Tsvg > node.svg
    Dot,
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let topology = Topology::read().await?;
        // First: a name may be unknown only because of one of them.
        for gap in &topology.gaps {
            anstream::eprintln!("swarmtrace: note: {gap}");
        }
        let topology = topology.excerpt(&Excerpt {
            services: self.service,
            networks: self.network,
        })?;
        output::print(&match self.output {
            TopologyFormat::Text => output::topology::text::render(&topology),
            TopologyFormat::Json => recording::write_pretty(&topology)?,
            TopologyFormat::Dot => output::topology::dot::render(&topology),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}
