//! The namespaces in Docker's directories: a multicast socket in each, from when it is
//! mounted to when its file is removed.

use super::multicast::{asynchronous, receive, subscribe};
use super::state::State;
use crate::sys::netns::NetnsError;
use crate::topology::discover;
use futures_util::StreamExt;
use inotify::{EventMask, EventStream, WatchMask, Watches};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// How often to look around although nothing was noticed.
const RESCAN: Duration = Duration::from_secs(10);
/// How often to look whether a namespace was mounted on a new file, and for
/// how long.
const MOUNT_POLL: Duration = Duration::from_millis(10);
const MOUNT_PATIENCE: Duration = Duration::from_secs(5);

/// The namespaces in Docker's directories.
pub(super) struct Namespaces {
    state: Arc<State>,
    directories: Vec<PathBuf>,
    /// Files on which nothing is mounted yet, and until when to look.
    pending: BTreeMap<PathBuf, Instant>,
    /// Namespaces with a socket in them.
    listening: BTreeMap<PathBuf, AbortHandle>,
    listeners: JoinSet<()>,
}

impl Namespaces {
    /// Watches `directories`; their inotify watches are set up by the first look around.
    pub fn new(directories: Vec<PathBuf>, state: Arc<State>) -> Self {
        Self {
            state,
            directories,
            pending: BTreeMap::new(),
            listening: BTreeMap::new(),
            listeners: JoinSet::new(),
        }
    }

    /// Runs until the stream of inotify's events ends.
    pub async fn run(mut self, mut files: EventStream<Vec<u8>>) {
        let mut rescan = interval(RESCAN);
        rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let poll = async {
                match self.pending.is_empty() {
                    true => std::future::pending().await,
                    false => sleep(MOUNT_POLL).await,
                }
            };
            tokio::select! {
                _ = rescan.tick() => self.look_around(&mut files.watches()),
                event = files.next() => match event {
                    Some(Ok(event)) => {
                        if let Some(name) = event.name {
                            self.file(event.mask, &name.to_string_lossy());
                        }
                    }
                    // The queue has overflowed: something was missed.
                    Some(Err(_)) => self.look_around(&mut files.watches()),
                    None => return,
                },
                () = poll => self.try_pending().await,
            }
            // Listeners that ended by themselves.
            while self.listeners.try_join_next().is_some() {}
        }
    }

    /// A file was made, moved here or removed.
    fn file(&mut self, mask: EventMask, name: &str) {
        for directory in &self.directories {
            let path = directory.join(name);
            if mask.intersects(EventMask::DELETE | EventMask::MOVED_FROM) {
                self.pending.remove(&path);
                if let Some(listener) = self.listening.remove(&path) {
                    listener.abort();
                }
                self.state.kernel_changed();
            } else if name != "default" && path.exists() {
                self.pending.insert(path, Instant::now() + MOUNT_PATIENCE);
            }
        }
    }

    /// Finds what is there, whatever was noticed, and has all be read again.
    fn look_around(&mut self, watches: &mut Watches) {
        let mut present = Vec::new();
        for directory in &self.directories {
            // Adding a watch again does nothing, and mends one whose directory
            // was missing or made anew. A failure shows when it is read.
            let mask = WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVE;
            let _ = watches.add(directory, mask);
            present.extend(discover::names(directory).unwrap_or_default());
        }
        self.listening.retain(|path, listener| {
            let keep = present.contains(path) && !listener.is_finished();
            if !keep {
                listener.abort();
            }
            keep
        });
        for path in present {
            if !self.listening.contains_key(&path) {
                self.pending.insert(path, Instant::now() + MOUNT_PATIENCE);
            }
        }
        self.state.kernel_changed();
        self.state.docker_changed();
    }

    /// Puts a socket into each pending namespace that is there by now.
    async fn try_pending(&mut self) {
        for (path, until) in self.pending.clone() {
            let open = {
                let path = path.clone();
                tokio::task::spawn_blocking(move || subscribe(&path)).await
            };
            match open {
                Ok(Err(NetnsError::NotMounted { .. })) if Instant::now() < until => continue,
                Ok(Ok(socket)) => {
                    if let Ok(socket) = asynchronous(socket) {
                        let listener = self.listeners.spawn(receive(socket, self.state.clone()));
                        if let Some(old) = self.listening.insert(path.clone(), listener) {
                            old.abort();
                        }
                    }
                    self.state.kernel_changed();
                }
                // Gone again, or not permitted: reading it will say so.
                _ => {}
            }
            self.pending.remove(&path);
        }
    }
}
