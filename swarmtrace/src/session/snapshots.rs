//! The topology while a trace runs: always the newest snapshot.
//!
//! A task of its own waits for the node to change and takes the snapshots, so
//! that neither the reading of events nor the tapping of a new task waits for
//! Docker. The kernel's half is read anew within a fraction of a second, with
//! the names that Docker gave last; Docker's half follows when it has answered.

use crate::topology::{DockerAnswer, Lives, Reader, Topology, Watch};
use anyhow::{Context as _, Result};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A topology that follows the node until it is dropped.
pub struct Snapshots {
    newest: watch::Receiver<Arc<Topology>>,
    lives: Lives,
    task: JoinHandle<()>,
}

impl Snapshots {
    /// Takes the first snapshot and starts to watch.
    pub async fn start() -> Result<Self> {
        let mut reader = Reader::default();
        let first = reader.read().await?;
        let (sender, newest) = watch::channel(Arc::new(first));
        let watch = reader
            .watch()
            .context("cannot watch the node for changes")?;
        let lives = watch.lives();
        let task = tokio::spawn(follow(reader, watch, sender));
        Ok(Self {
            newest,
            lives,
            task,
        })
    }

    /// The newest snapshot.
    pub fn newest(&mut self) -> Arc<Topology> {
        Arc::clone(&self.newest.borrow_and_update())
    }

    /// What Docker's events say of this node's containers.
    pub fn lives(&self) -> Lives {
        self.lives.clone()
    }

    /// Waits until there is a newer snapshot than the last one returned. Never
    /// returns once the watching task is gone.
    pub async fn changed(&mut self) {
        if self.newest.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends a snapshot after each change, until the receiver is gone.
async fn follow(mut reader: Reader, mut watch: Watch, newest: watch::Sender<Arc<Topology>>) {
    let mut asking: Option<JoinHandle<DockerAnswer>> = None;
    let mut ask_again = false;
    loop {
        tokio::select! {
            changes = watch.next() => ask_again |= changes.docker,
            answer = answered(&mut asking) => {
                asking = None;
                if let Some(answer) = answer {
                    reader.take_docker(answer);
                }
            }
        }
        if ask_again && asking.is_none() {
            asking = Some(tokio::spawn(reader.ask_docker()));
            ask_again = false;
        }
        // A node that cannot be read any more keeps its last snapshot.
        if let Ok(topology) = reader.read_kernel().await
            && newest.send(Arc::new(topology)).is_err()
        {
            return;
        }
    }
}

/// Waits for Docker's answer; for ever while it was not asked.
async fn answered(asking: &mut Option<JoinHandle<DockerAnswer>>) -> Option<DockerAnswer> {
    match asking {
        Some(task) => task.await.ok(),
        None => std::future::pending().await,
    }
}
