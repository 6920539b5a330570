//! The subcommands, a file each: a struct with its options, and what it does.

pub mod check;
pub mod cleanup;
pub mod doctor;
pub mod features;
pub mod follow;
pub mod join;
mod options;
pub mod probe;
pub mod rst;
pub mod schema;
pub mod topology;

use std::process::ExitCode;

/// Lists the subcommands: a name, and the module whose `Args` it runs.
macro_rules! commands {
    ($($name:ident($module:ident),)*) => {
        /// What to do.
        #[derive(Debug, clap::Subcommand)]
        pub enum Command {
            $(
                #[allow(missing_docs, reason = "the text is that of the module's Args")]
                $name($module::Args),
            )*
        }

        impl Command {
            /// Runs it. Its exit code is in its `--help`.
            ///
            /// # Errors
            /// Errors with the one line that `main` prints.
            pub async fn run(self) -> anyhow::Result<ExitCode> {
                match self {
                    $(Self::$name(args) => args.run().await,)*
                }
            }
        }
    };
}

commands! {
    Follow(follow),
    Check(check),
    Join(join),
    Rst(rst),
    Topology(topology),
    Doctor(doctor),
    Probe(probe),
    Features(features),
    Schema(schema),
    Cleanup(cleanup),
}
