//! The frames that the guest agent and the host exchange over one TCP
//! connection. Compiled into both ends, so that they cannot disagree.
//!
//! A connection runs one command: the agent greets with [`BANNER`], the host
//! sends [`NODE`], [`ENV`] and [`ARG`] frames and then [`RUN`]; from there on
//! stdin and signals flow one way, stdout, stderr and the exit code the other.
//! Closing the connection kills the command and everything in its group.

use std::io::{self, Read, Write};

/// The first line that the agent sends, by which the host recognises it.
pub const BANNER: &[u8] = b"swarmtrace-agent 1\n";
/// The largest payload of a frame.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Host to agent: the node whose namespaces to enter.
pub const NODE: u8 = b'n';
/// Host to agent: one `NAME=value` of the environment.
pub const ENV: u8 = b'v';
/// Host to agent: one word of the command line.
pub const ARG: u8 = b'a';
/// Host to agent: start it.
pub const RUN: u8 = b'r';
/// Host to agent: bytes for its standard input; empty means end of file.
pub const STDIN: u8 = b'i';
/// Host to agent: a signal number (one byte) for its process group.
pub const SIGNAL: u8 = b's';
/// Agent to host: bytes of standard output.
pub const STDOUT: u8 = b'o';
/// Agent to host: bytes of standard error.
pub const STDERR: u8 = b'e';
/// Agent to host: the exit code, four bytes, 128 + the signal if one ended it.
pub const EXIT: u8 = b'x';
/// Agent to host: it could not be started, and why.
pub const FAILED: u8 = b'f';

/// Writes one frame: kind, length, payload.
pub fn write_frame(to: &mut impl Write, kind: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = Vec::with_capacity(5 + payload.len());
    frame.push(kind);
    frame.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    frame.extend_from_slice(payload);
    to.write_all(&frame)
}

/// Reads one frame; `None` when the other end has closed between two frames.
pub fn read_frame(from: &mut impl Read) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0u8; 5];
    if from.read(&mut head[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[1..])?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > MAX_PAYLOAD {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "oversized frame",
        ));
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    Ok(Some((head[0], payload)))
}
