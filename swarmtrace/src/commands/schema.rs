//! `swarmtrace schema`: the JSON schemas of what swarmtrace writes.

use crate::output;
use crate::recording::{self, Entry, FORMATS};
use anyhow::{Result, anyhow};
use std::process::ExitCode;

/// Prints the JSON schema of a format that swarmtrace writes
///
/// Every JSON object that swarmtrace writes names its format and its version.
/// Without a name, lists the formats with their versions and the commands that
/// write them. docs/json.md describes every field.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The format, like timeline or swarmtrace-timeline
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

impl Args {
    #[expect(clippy::unused_async, reason = "commands! awaits every command")]
    pub(super) async fn run(self) -> Result<ExitCode> {
        let text = match &self.name {
            None => output::schema::text::render(),
            Some(name) => {
                let entry = recording::find(name).ok_or_else(|| unknown(name))?;
                serde_json::to_string_pretty(&(entry.schema)())? + "\n"
            }
        };
        output::print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn unknown(name: &str) -> anyhow::Error {
    let names: Vec<&str> = (FORMATS.iter())
        .map(|Entry { format, .. }| format.short_name())
        .collect();
    anyhow!("no format '{name}'; there are: {}", names.join(", "))
}
