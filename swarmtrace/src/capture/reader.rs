//! Hands the kernel side's events to user space, in batches.
//!
//! The kernel side does not wake the reader for a single event (see `emit.rs` there):
//! the reader polls at an interval ([`POLL`] is short enough for people), and is woken in
//! between only when much has piled up. So an event is at most one interval old when it
//! is handed out, and a burst costs few system calls.

use super::event::Event;
use aya::maps::{MapData, RingBuf};
use std::io;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The interval at which the ring buffer of an interactive trace is polled.
pub const POLL: Duration = Duration::from_millis(8);

/// The largest batch, in events.
pub const BATCH: usize = 4096;

/// The reading end of the ring buffer, for use without an async runtime.
pub struct Events {
    ring: RingBuf<MapData>,
    logger: Option<aya_log::EbpfLogger<super::log::Stderr>>,
    ignored: u64,
}

impl Events {
    pub(super) fn new(
        ring: RingBuf<MapData>,
        logger: Option<aya_log::EbpfLogger<super::log::Stderr>>,
    ) -> Self {
        Self {
            ring,
            logger,
            ignored: 0,
        }
    }

    /// Appends what is there, at most [`BATCH`] events, and returns how many. Never waits.
    pub fn drain(&mut self, into: &mut Vec<Event>) -> usize {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
        let mut count = 0;
        while count < BATCH {
            let Some(record) = self.ring.next() else {
                break;
            };
            match Event::decode(&record) {
                Some(event) => {
                    into.push(event);
                    count += 1;
                }
                None => self.ignored += 1,
            }
        }
        count
    }

    /// How many records were no event of a known kind.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Registers with the async runtime that the caller runs in. An event is handed out
    /// at most `poll` after it happened.
    ///
    /// # Errors
    /// Errors if the ring buffer cannot be registered with epoll.
    pub fn into_reader(self, poll: Duration) -> io::Result<Reader> {
        // SAFETY: the descriptor is the ring buffer's, which `Ring` keeps open and
        // unchanged for as long as it lives.
        let events = unsafe { AsyncFd::register_with_interest(Ring(self), Interest::READABLE) };
        Ok(Reader {
            events: events?,
            poll,
        })
    }
}

/// The reading end of the ring buffer in an async runtime.
pub struct Reader {
    events: AsyncFd<Ring>,
    poll: Duration,
}

struct Ring(Events);

impl std::os::fd::AsRawFd for Ring {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.ring.as_raw_fd()
    }
}

impl Reader {
    /// Waits for events and appends them, at most [`BATCH`]. Cancel-safe: events
    /// are either in `into` or still in the ring buffer.
    ///
    /// # Errors
    /// Errors if the runtime is shut down.
    pub async fn next(&mut self, into: &mut Vec<Event>) -> io::Result<usize> {
        loop {
            let count = self.drain(into);
            if count > 0 {
                return Ok(count);
            }
            if let Ok(ready) = tokio::time::timeout(self.poll, self.events.readable_mut()).await {
                ready?.clear_ready();
            }
        }
    }

    /// Appends what is there without waiting; see [`Events::drain`].
    pub fn drain(&mut self, into: &mut Vec<Event>) -> usize {
        self.events.get_mut().0.drain(into)
    }

    /// See [`Events::ignored`].
    pub fn ignored(&self) -> u64 {
        self.events.get_ref().0.ignored()
    }
}
