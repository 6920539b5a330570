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

use super::docker::Client;
use super::{Lives, discover};
use crate::sys::clock::{Nanos, Wall};
use crate::sys::netns::{Netns, NetnsError, OWN};
use futures_util::StreamExt;
use inotify::{EventMask, EventStream, Inotify, WatchMask, Watches};
use netlink_packet_core::NetlinkBuffer;
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

/// What comes within this time is one report.
const SETTLE: Duration = Duration::from_millis(100);
/// How often to look around although nothing was noticed.
const RESCAN: Duration = Duration::from_secs(10);
/// How often to look whether a namespace was mounted on a new file, and for
/// how long.
const MOUNT_POLL: Duration = Duration::from_millis(10);
const MOUNT_PATIENCE: Duration = Duration::from_secs(5);
/// How far back Docker's events are requested.
const HISTORY: Nanos = Nanos::from_secs(15 * 60);
/// Pause before Docker's events are requested again.
const RECONNECT: Duration = Duration::from_secs(2);

/// Larger than any notification.
const BUFFER: usize = 64 * 1024;
/// Multicast groups and a state of linux/rtnetlink.h and linux/neighbour.h.
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_NEIGH: u32 = 3;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const NUD_PERMANENT: u16 = 0x80;

/// Which half of a snapshot is out of date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Namespaces or devices: [`super::Reader::read_kernel`] will do.
    pub kernel: bool,
    /// Services, tasks, networks or nodes: [`super::Reader::read`] is needed.
    pub docker: bool,
}

/// Reports changes until it is dropped.
#[derive(Debug)]
pub struct Watch {
    state: Arc<State>,
    /// Aborts its tasks when dropped, and with them their sockets.
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct State {
    lives: Lives,
    kernel: AtomicBool,
    docker: AtomicBool,
    notify: Notify,
}

impl State {
    fn kernel_changed(&self) {
        self.kernel.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    fn docker_changed(&self) {
        self.docker.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

impl Watch {
    /// Starts watching those directories, the namespaces in them, the own one
    /// and Docker. Needs a tokio runtime.
    pub(super) fn start(directories: Vec<PathBuf>, client: Option<Client>) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let mut tasks = JoinSet::new();
        let own = listen(Path::new(OWN)).map_err(io::Error::other)?;
        tasks.spawn(hear(asynchronous(own)?, state.clone()));
        let files = Inotify::init()?.into_event_stream(vec![0; 4096])?;
        let namespaces = Namespaces {
            state: state.clone(),
            directories,
            pending: BTreeMap::new(),
            listening: BTreeMap::new(),
            listeners: JoinSet::new(),
        };
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
            let changes = Changes {
                kernel: self.state.kernel.load(Ordering::Acquire),
                docker: self.state.docker.load(Ordering::Acquire),
            };
            if changes == Changes::default() {
                self.state.notify.notified().await;
                continue;
            }
            sleep(SETTLE).await;
            return Changes {
                kernel: self.state.kernel.swap(false, Ordering::AcqRel),
                docker: self.state.docker.swap(false, Ordering::AcqRel),
            };
        }
    }
}

/// The namespaces in Docker's directories.
struct Namespaces {
    state: Arc<State>,
    directories: Vec<PathBuf>,
    /// Files on which nothing is mounted yet, and until when to look.
    pending: BTreeMap<PathBuf, Instant>,
    /// Namespaces with a socket in them.
    listening: BTreeMap<PathBuf, AbortHandle>,
    listeners: JoinSet<()>,
}

impl Namespaces {
    async fn run(mut self, mut files: EventStream<Vec<u8>>) {
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
                tokio::task::spawn_blocking(move || listen(&path)).await
            };
            match open {
                Ok(Err(NetnsError::NotMounted { .. })) if Instant::now() < until => continue,
                Ok(Ok(socket)) => {
                    if let Ok(socket) = asynchronous(socket) {
                        let listener = self.listeners.spawn(hear(socket, self.state.clone()));
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

/// A socket in that namespace that hears of its links and addresses, in an
/// overlay's also of its neighbours.
fn listen(path: &Path) -> Result<Socket, NetnsError> {
    let overlay = path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.split_once('-')
            .is_some_and(|(epoch, _)| epoch.parse::<u64>().is_ok())
    });
    let groups = [
        Some(RTNLGRP_LINK),
        Some(RTNLGRP_IPV4_IFADDR),
        overlay.then_some(RTNLGRP_NEIGH),
    ];
    let socket = Netns::open(path)?.run(|| -> io::Result<Socket> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        for group in groups.into_iter().flatten() {
            socket.add_membership(group)?;
        }
        socket.set_non_blocking(true)?;
        Ok(socket)
    })?;
    socket.map_err(|source| NetnsError::Enter {
        path: path.to_owned(),
        source,
    })
}

fn asynchronous(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: netlink_sys::Socket owns its descriptor, keeps it open until it is
    // dropped and never exchanges it for another.
    let registered = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// Marks the kernel's half as changed whenever the socket has something.
async fn hear(socket: AsyncFd<Socket>, state: Arc<State>) {
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let Ok(mut ready) = socket.readable().await else {
            return;
        };
        buffer.clear();
        match ready.try_io(|socket| socket.get_ref().recv(&mut buffer, 0)) {
            Ok(Ok(_)) => match judge(&buffer) {
                Some(Heard::Device) => state.kernel_changed(),
                // A task on another node came or went.
                Some(Heard::Neighbour) => {
                    state.kernel_changed();
                    state.docker_changed();
                }
                None => {}
            },
            // ENOBUFS: messages exceeded the socket's buffer.
            Ok(Err(_)) => state.kernel_changed(),
            Err(_would_block) => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Heard {
    Device,
    Neighbour,
}

/// What the messages of one datagram amount to.
fn judge(mut datagram: &[u8]) -> Option<Heard> {
    let mut heard = None;
    while let Ok(message) = NetlinkBuffer::new_checked(datagram) {
        let this = match message.message_type() {
            libc::RTM_NEWLINK | libc::RTM_DELLINK | libc::RTM_NEWADDR | libc::RTM_DELADDR => {
                Some(Heard::Device)
            }
            // struct ndmsg: family, padding, ifindex, then the state.
            libc::RTM_NEWNEIGH | libc::RTM_DELNEIGH => (message.payload().get(8..10))
                .and_then(|state| <[u8; 2]>::try_from(state).ok())
                .is_some_and(|state| u16::from_ne_bytes(state) & NUD_PERMANENT != 0)
                .then_some(Heard::Neighbour),
            _ => None,
        };
        heard = heard.max(this);
        let next = (message.length() as usize).next_multiple_of(4);
        datagram = datagram.get(next..).unwrap_or_default();
    }
    heard
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

#[cfg(test)]
mod tests;
