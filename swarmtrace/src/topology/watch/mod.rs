//! Noticing that the node has changed, in time to tap what is new.
//!
//! Four sources, none of which is enough alone: inotify on Docker's namespace
//! directory (a sandbox appears or goes), one route-netlink socket a namespace
//! (a device or address appears or goes; in overlays also a neighbour: a task
//! on another node), Docker's events, and a look around every ten seconds in
//! case all of these were missed. What happened is not reported, only that a
//! snapshot's half is out of date; whatever comes within 100 ms is one report.
//!
//! A socket keeps its namespace alive. Each is therefore closed as soon as
//! Docker removes the namespace's file.
//!
//! Relied on: inotify(7); libnetwork creates the file before it mounts the
//! namespace on it; rtnetlink(7) groups. VXLAN devices with `l2miss` and
//! `l3miss` ask user space for neighbours in the same group that announces
//! them: those are `RTM_GETNEIGH` and no change.

mod multicast;
mod namespaces;
mod state;
#[cfg(test)]
mod tests;

pub use self::state::Changes;

use self::namespaces::Namespaces;
use self::state::State;
use super::Lives;
use super::docker::Client;
use crate::sys::clock::{Nanos, Wall};
use crate::sys::netns::OWN;
use futures_util::StreamExt;
use inotify::Inotify;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What comes within this time is one report.
const SETTLE: Duration = Duration::from_millis(100);
/// How far back Docker's events are requested.
const HISTORY: Nanos = Nanos::from_secs(15 * 60);
/// Pause before Docker's events are requested again.
const RECONNECT: Duration = Duration::from_secs(2);

/// Reports changes until it is dropped.
#[derive(Debug)]
pub struct Watch {
    state: Arc<State>,
    /// Aborts its tasks when dropped, and with them their sockets.
    _tasks: JoinSet<()>,
}

impl Watch {
    /// Starts watching those directories, the namespaces in them, the own one
    /// and Docker. Needs a tokio runtime.
    pub(super) fn start(directories: Vec<PathBuf>, client: Option<Client>) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let mut tasks = JoinSet::new();
        let own = multicast::subscribe(Path::new(OWN)).map_err(io::Error::other)?;
        tasks.spawn(multicast::receive(
            multicast::asynchronous(own)?,
            state.clone(),
        ));
        let files = Inotify::init()?.into_event_stream(vec![0; 4096])?;
        let namespaces = Namespaces::new(directories, state.clone());
        tasks.spawn(namespaces.run(files));
        tasks.spawn(docker_events(client, state.clone()));
        Ok(Self {
            state,
            _tasks: tasks,
        })
    }

    /// What Docker's events say of this node's containers, kept up to date.
    pub fn lives(&self) -> Lives {
        self.state.lives.clone()
    }

    /// Waits for the next change. May be dropped and called again without
    /// losing one.
    pub async fn next(&mut self) -> Changes {
        loop {
            if self.state.changes() == Changes::default() {
                self.state.changed().await;
                continue;
            }
            sleep(SETTLE).await;
            return self.state.take();
        }
    }
}

/// Docker's events, for as long as the program runs.
async fn docker_events(mut client: Option<Client>, state: Arc<State>) {
    let mut since = Wall::now() - HISTORY;
    loop {
        if let Some(client) = &client {
            let mut events = std::pin::pin!(client.events(since));
            while let Some(event) = events.next().await {
                if let Some(event) = event {
                    since = since.max(event.time);
                    state.lives.note(&event);
                }
                state.docker_changed();
            }
        }
        sleep(RECONNECT).await;
        if client.is_none() {
            client = Client::connect().await.ok();
            // Docker has come up.
            if client.is_some() {
                state.docker_changed();
            }
        }
    }
}
