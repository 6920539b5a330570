//! What of swarmtrace works on this kernel, what does not, and why not.
//!
//! [`examine`] asks the kernel and loads every program for real, but attaches
//! nothing. What is lost without each thing, and how to get it, is in the table
//! of [`Id`]; what was found is in [`Report`].

mod id;
mod kernel;
mod report;
mod types;

pub use id::Id;
pub use report::{Feature, Report, State};

use crate::capture::kernel_release;
use crate::topology::{SwarmRole, docker};
use kernel::Kernel;

/// Looks at this machine. Needs no right, but says more with the rights that
/// tracing takes. `verbose` prints what the verifier said of a program that it
/// refuses.
pub async fn examine(verbose: bool) -> Report {
    let kernel = tokio::task::spawn_blocking(move || Kernel::ask(verbose));
    let (kernel, docker) = tokio::join!(kernel, docker::daemon());
    let Kernel {
        mut features,
        programs,
        load_ms,
    } = match kernel {
        Ok(kernel) => kernel,
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    };
    features.push(match docker {
        Ok(docker) => {
            let role = match docker.role {
                SwarmRole::Manager => "manager",
                SwarmRole::Worker => "worker",
                SwarmRole::Inactive => "not in a Swarm",
            };
            Feature::ok(Id::Docker, format!("{}, {role}", docker.version))
        }
        Err(error) => Feature::missing(Id::Docker, error.to_string()),
    });
    Report::new(kernel_release(), features, programs, load_ms)
}
