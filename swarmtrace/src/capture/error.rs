//! Why capturing cannot start: each a single line that says what to do.

use super::btf::BtfError;
use crate::sys::kernel;
use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use std::io;

/// The oldest kernel that the programs are written for.
pub const MINIMUM_KERNEL: &str = "5.10";

/// Why capturing cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Capabilities are missing.
    #[error(
        "swarmtrace must run as root (or with CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN and \
         CAP_SYS_ADMIN): try `sudo swarmtrace …`"
    )]
    NotRoot,
    /// The kernel does not publish its types.
    #[error(
        "this kernel has no usable BTF ({0}): use one built with CONFIG_DEBUG_INFO_BTF=y, as \
         every current distribution's is"
    )]
    NoBtf(#[source] BtfError),
    /// The kernel is older than the programs need.
    #[error("Linux {found} is too old: swarmtrace needs {MINIMUM_KERNEL} or newer")]
    KernelTooOld {
        /// The running kernel's version.
        found: String,
    },
    /// The kernel refused a program.
    #[error(
        "Linux {kernel} refused the program {program} ({reason}): please report it with the \
         output of `swarmtrace features -v`"
    )]
    Verifier {
        /// The running kernel's version.
        kernel: String,
        /// The program's name.
        program: String,
        /// The kernel's error and the verifier's last line.
        reason: String,
        /// The verifier's log, many lines.
        log: String,
    },
    /// The embedded object or one of its maps could not be used.
    #[error("the kernel side could not be loaded: {0}")]
    Object(String),
    /// A file or thread could not be opened or started.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// The error for a failed program load.
    pub fn of_program(program: &str, error: ProgramError) -> Self {
        match error {
            ProgramError::LoadError {
                io_error,
                verifier_log,
            } if io_error.kind() != io::ErrorKind::PermissionDenied
                || !verifier_log.to_string().trim().is_empty() =>
            {
                let log = verifier_log.to_string();
                // The last line except for the statistics is the reason.
                let last = log.lines().rev().find(|line| {
                    let statistics = [
                        "processed ",
                        "verification time",
                        "stack depth",
                        "max_states",
                    ];
                    !line.trim().is_empty() && !statistics.iter().any(|word| line.starts_with(word))
                });
                Self::Verifier {
                    kernel: kernel::release(),
                    program: program.to_owned(),
                    reason: format!("{io_error}: {}", last.unwrap_or("no reason given").trim()),
                    log,
                }
            }
            ProgramError::LoadError { .. } => Self::NotRoot,
            other => Self::Object(chain(&other)),
        }
    }

    /// The error for a failed object load.
    pub fn of_object(error: EbpfError) -> Self {
        let text = chain(&error);
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(inner) = cause {
            let io = inner.downcast_ref::<io::Error>();
            if io.is_some_and(|io| io.kind() == io::ErrorKind::PermissionDenied) {
                return Self::NotRoot;
            }
            cause = inner.source();
        }
        Self::Object(text)
    }

    /// The error for a failed map operation.
    pub fn of_map(error: MapError) -> Self {
        Self::Object(chain(&error))
    }

    /// The error for a map that the object does not have.
    pub fn no_map(name: &str) -> Self {
        Self::Object(format!("no map {name}"))
    }
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_is_one_line_that_says_what_to_do() {
        let errors = [
            Error::NotRoot,
            Error::NoBtf(BtfError::NoField {
                structure: "sk_buff",
                field: "dev",
            }),
            Error::KernelTooOld {
                found: "4.19.0".to_owned(),
            },
            Error::Verifier {
                kernel: "5.10.0".to_owned(),
                program: "swarmtrace_in".to_owned(),
                reason: "Permission denied: R1 invalid mem access 'scalar'".to_owned(),
                log: "many\nlines".to_owned(),
            },
        ];
        for (error, hint) in errors.iter().zip(["sudo", "BTF=y", "5.10", "-v"]) {
            let text = error.to_string();
            assert!(text.contains(hint), "{text}");
            assert!(!text.contains('\n') && !text.contains("  "), "{text}");
        }
    }
}
