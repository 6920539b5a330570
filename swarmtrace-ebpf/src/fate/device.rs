//! The device, or at least the namespace, in which something happened to a packet.

use super::offsets::kernel;
use crate::skb::{Head, inode, netns_of_device, read};

/// Numbers of network namespaces: the initial one's is a little below, all
/// others count up from 0xf0000000 (`include/linux/proc_ns.h`). What lies beyond
/// was no namespace: some `sk_buff`s keep other things where `dev` is.
const INODES: core::ops::Range<u32> = 0xefff_ff00..0xf800_0000;

/// A device in a namespace, or the namespace alone; 0: unknown.
pub struct Device {
    pub netns: u32,
    pub ifindex: u32,
}

impl Device {
    /// The device of a packet: its own, else with a socket, else on its route.
    #[inline(always)]
    pub fn of(skb: u64, socket: u64) -> Self {
        let device = Head::of(skb).device;
        let netns = netns_of_device(device);
        if device != 0 && INODES.contains(&netns) {
            let ifindex = read(device, kernel!(dev_ifindex)).unwrap_or(0);
            return Self { netns, ifindex };
        }
        let mut netns = netns_of_socket(read(skb, kernel!(skb_sk)).unwrap_or(0));
        if netns == 0 {
            netns = netns_of_socket(socket);
        }
        if netns == 0 {
            // The lowest bit says whether the route is counted.
            let route = read::<u64>(skb, kernel!(skb_dst)).unwrap_or(0) & !1;
            if route != 0 && kernel!(dst_dev) != u32::MAX {
                let device = read(route, kernel!(dst_dev)).unwrap_or(0);
                netns = netns_of_device(device);
            }
        }
        let known = INODES.contains(&netns);
        Self {
            netns: if known { netns } else { 0 },
            ifindex: 0,
        }
    }
}

#[inline(always)]
pub fn netns_of_socket(socket: u64) -> u32 {
    if socket == 0 {
        return 0;
    }
    let netns = inode(read(socket, kernel!(sock_net)).unwrap_or(0));
    if INODES.contains(&netns) { netns } else { 0 }
}
