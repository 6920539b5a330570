//! Why the Docker daemon gave no answer.

use super::plain::PlainError;
use bollard::errors::Error as BollardError;
use std::time::Duration;

/// How long one request may take. An emulated machine needs 100 ms for one.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// Why Docker could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// No daemon could be reached.
    #[error("Docker cannot be reached: {0}")]
    Connect(#[source] BollardError),
    /// `DOCKER_HOST` or the certificates cannot be used.
    #[error("Docker cannot be reached: {0}")]
    SetUp(#[source] PlainError),
    /// A request failed.
    #[error("Docker {path}: {source}")]
    Request {
        /// What was asked.
        path: String,
        /// What came of it.
        source: BollardError,
    },
    /// A request was not answered in time.
    #[error("Docker {path}: no answer within {} s", DEADLINE.as_secs())]
    Late {
        /// What was asked.
        path: String,
    },
    /// A request that bollard has no type for failed.
    #[error("Docker {path}: {source}")]
    Plain {
        /// What was asked.
        path: String,
        /// What came of it.
        source: PlainError,
    },
    /// An answer is not what the API describes.
    #[error("Docker {path}: {source}")]
    Answer {
        /// What was asked.
        path: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}
