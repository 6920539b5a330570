//! What works on this node, what does not, and why not.
//!
//! [`examine`] asks the kernel and loads every program for real, but attaches
//! nothing. What is lost without each feature, and how to get it, is in the table
//! of [`Id`]; what was found is in [`Report`].

mod id;
mod kernel;
mod node;
mod report;
mod types;

pub use id::Id;
pub use report::{Feature, Report, State};

use self::kernel::Kernel;
use crate::topology::{SwarmRole, docker};

/// Examines this node. Needs no capabilities, but finds out more with those that
/// tracing takes. `verbose` prints the verifier's log of a program that it refuses.
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
    features.push(node::iptables());
    Report::new(crate::sys::kernel::release(), features, programs, load_ms)
}
