//! The numbers by which namespaces know each other.
//!
//! Relied on: a device that leads to another namespace carries that namespace's number
//! (`IFLA_LINK_NETNSID`), which is the device's own namespace's; `RTM_GETNSID` of
//! rtnetlink(7) returns it for an open namespace (`net/core/net_namespace.c`
//! `rtnl_net_getid`, −1 if it has none).

use crate::sys::netlink::{Netlink, NetlinkError};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use std::os::fd::{AsFd, AsRawFd};

/// The number that the socket's namespace has for another one, if it has one.
pub(super) fn nsid(netlink: &mut Netlink, other: impl AsFd) -> Result<Option<i32>, NetlinkError> {
    let mut message = NsidMessage::default();
    let fd = other.as_fd().as_raw_fd().cast_unsigned();
    message.attributes.push(NsidAttribute::Fd(fd));
    let answer = netlink.get(RouteNetlinkMessage::GetNsId(message))?;
    let Some(RouteNetlinkMessage::NewNsId(message)) = answer else {
        return Ok(None);
    };
    Ok(message.attributes.iter().find_map(|a| match a {
        NsidAttribute::Id(id) if *id >= 0 => Some(*id),
        _ => None,
    }))
}
