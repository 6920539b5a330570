//! Removes the filters that killed runs have left, as their journals list them.

use super::journal;
use super::tc::Tc;
use crate::sys::netns::{self, Netns};
use crate::topology::DeviceRef;
use std::io;
use std::path::Path;

/// What [`cleanup`] found and removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cleanup {
    /// Runs that had been killed.
    pub dead_runs: usize,
    /// Devices whose filters were removed.
    pub swept: Vec<DeviceRef>,
    /// Devices that could not be swept, and why; no device if a journal could not be
    /// removed.
    pub failed: Vec<(Option<DeviceRef>, String)>,
}

/// Removes what killed runs have left, and nothing else.
///
/// # Errors
/// Errors if no thread can be started.
pub fn cleanup(run_dir: &Path) -> io::Result<Cleanup> {
    let dead: Vec<_> = (journal::found(run_dir).into_iter())
        .filter(|found| !found.is_live())
        .collect();
    if dead.is_empty() {
        return Ok(Cleanup::default());
    }
    netns::on_thread(|visitor| {
        let mut result = Cleanup::default();
        for found in dead {
            let failures = result.failed.len();
            for entry in &found.record.entries {
                let at = entry.at();
                let swept = Netns::open_known(&entry.netns_path, entry.netns_inode)
                    .and_then(|namespace| visitor.enter(&namespace))
                    .map_err(io::Error::from)
                    .and_then(|()| netns::device_name(entry.ifindex))
                    .and_then(|_| Tc::open())
                    .and_then(|mut tc| {
                        tc.sweep(entry.ifindex, found.record.handle, entry.added_clsact)
                    });
                match swept {
                    Ok(()) => result.swept.push(at),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => result.failed.push((Some(at), error.to_string())),
                }
            }
            result.dead_runs += 1;
            if result.failed.len() == failures
                && let Err(error) = found.remove()
            {
                result.failed.push((None, error.to_string()));
            }
        }
        result
    })
}
