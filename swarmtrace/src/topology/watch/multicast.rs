//! Route-netlink's announcements: a socket in a namespace, and what its messages mean.

use super::state::State;
use crate::sys::netlink::messages;
use crate::sys::netns::{Netns, NetnsError};
use netlink_sys::{Socket, protocols::NETLINK_ROUTE};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Larger than any notification.
const BUFFER: usize = 64 * 1024;
/// Multicast groups and a state of linux/rtnetlink.h and linux/neighbour.h.
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_NEIGH: u32 = 3;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
pub(super) const NUD_PERMANENT: u16 = 0x80;

/// A socket in that namespace that receives the changes of its links and addresses, in
/// an overlay's also of its neighbours.
pub(super) fn subscribe(path: &Path) -> Result<Socket, NetnsError> {
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

/// The socket, registered with tokio.
pub(super) fn asynchronous(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: netlink_sys::Socket owns its descriptor, keeps it open until it is
    // dropped and never exchanges it for another.
    let registered = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// Marks what the socket announces as changed.
pub(super) async fn receive(socket: AsyncFd<Socket>, state: Arc<State>) {
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let Ok(mut ready) = socket.readable().await else {
            return;
        };
        buffer.clear();
        match ready.try_io(|socket| socket.get_ref().recv(&mut buffer, 0)) {
            Ok(Ok(_)) => match judge(&buffer) {
                Some(Change::Device) => state.kernel_changed(),
                // A task on another node came or went.
                Some(Change::Neighbour) => {
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

/// What a message announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// A device or an address appeared, changed or went.
    Device,
    /// A permanent neighbour did: a task on another node.
    Neighbour,
}

/// What the messages of one datagram amount to.
pub(super) fn judge(datagram: &[u8]) -> Option<Change> {
    let judged = messages(datagram).map_while(Result::ok).map(|message| {
        match message.message_type() {
            libc::RTM_NEWLINK | libc::RTM_DELLINK | libc::RTM_NEWADDR | libc::RTM_DELADDR => {
                Some(Change::Device)
            }
            // struct ndmsg: family, padding, ifindex, then the state.
            libc::RTM_NEWNEIGH | libc::RTM_DELNEIGH => (message.payload().get(8..10))
                .and_then(|state| <[u8; 2]>::try_from(state).ok())
                .is_some_and(|state| u16::from_ne_bytes(state) & NUD_PERMANENT != 0)
                .then_some(Change::Neighbour),
            _ => None,
        }
    });
    judged.max().flatten()
}
