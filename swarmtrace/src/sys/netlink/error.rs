//! Why a netlink request has no answer.

use std::io;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// The socket failed: the family is missing, or no answer came in time.
    #[error("netlink: {0}")]
    Socket(#[source] io::Error),
    /// The kernel refused the request.
    #[error(transparent)]
    Refused(io::Error),
    /// The answer is malformed, or the netlink-packet crates do not know it.
    #[error("netlink: the kernel's answer cannot be decoded")]
    Undecodable,
}

impl From<NetlinkError> for io::Error {
    fn from(error: NetlinkError) -> Self {
        match error {
            NetlinkError::Socket(error) | NetlinkError::Refused(error) => error,
            error @ NetlinkError::Undecodable => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
