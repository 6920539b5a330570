//! The command line: parsing it, running its command, and the exit code.
//!
//! A command that fails prints one line and exits with 2, as clap does for a
//! command line that is wrong; other exit codes are the commands' own.

use crate::commands::Command;
use clap::Parser;
use std::process::ExitCode;

/// What `--version` prints: a bug report needs to say how the kernel side was
/// built.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nkernel programs built with ",
    env!("SWARMTRACE_BPF_TOOLCHAIN")
);

/// Traces connections through Docker Swarm's routing mesh and overlay networks.
///
/// Where did this connection go, hop by hop, how long did each hop take, and if
/// it died, where and why? swarmtrace looks at the node it runs on: its network
/// namespaces, its load balancers, and the packets that pass them. It changes
/// nothing and leaves nothing behind.
///
/// Run it as root on a node of the Swarm, manager or worker. Docker is asked at
/// DOCKER_HOST, else at its usual socket; without Docker, names are missing but
/// the rest works. Colour is used on a terminal only, and not with NO_COLOR.
#[derive(Debug, Parser)]
#[command(name = "swarmtrace", version, long_version = LONG_VERSION, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Cli {
    /// Runs it to its end.
    pub fn run(self) -> ExitCode {
        let result = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from)
            .and_then(|runtime| runtime.block_on(self.command.run()));
        result.unwrap_or_else(|error| {
            anstream::eprintln!("swarmtrace: {error:#}");
            ExitCode::from(2)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// A change of any help text is a change of what users read: look at the
    /// difference, then accept it with `INSTA_UPDATE=always`.
    #[test]
    fn every_help_text_is_as_reviewed() {
        let mut cli = Cli::command().term_width(100);
        cli.build();
        insta::assert_snapshot!("help", cli.render_long_help().to_string());
        for command in cli.get_subcommands_mut() {
            let name = format!("help-{}", command.get_name());
            let text = command.clone().term_width(100).render_long_help();
            insta::assert_snapshot!(name, text.to_string());
        }
    }
}
