//! The devices of one namespace and what hangs on them: addresses, neighbours
//! and the forwarding entries of VXLAN devices.
//!
//! Devices are distinguished by link kind, never by name: overlay devices are
//! called `vxlan0` and `br0` in a namespace of their own, `vx-001000-…` and
//! `ov-001000-…` in host mode. A veth names its other end by index
//! (`IFLA_LINK`) and by a number that only its own namespace understands
//! (`IFLA_LINK_NETNSID`); [`read`] returns both, and [`resolve_peers`] joins the
//! namespaces once all are read.
//!
//! Relied on: rtnetlink(7); Linux net/core/rtnetlink.c `rtnl_fill_ifinfo`,
//! `drivers/net/vxlan/vxlan_core.c` `vxlan_fdb_info`.

use super::nsid::nsid;
use super::{Device, DeviceKind, DeviceRef, FdbEntry, Mac, Namespace, Neighbour, NeighbourState};
use crate::sys::netlink::{Dump, Family, Netlink};
use crate::sys::netns::Netns;
use ipnet::IpNet;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo,
    LinkLayerType, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState as KernelState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

/// What one namespace's kernel tables say.
#[derive(Debug, Default)]
pub(super) struct Links {
    pub devices: Vec<Device>,
    pub neighbours: Vec<Neighbour>,
    pub fdb: Vec<FdbEntry>,
    pub pairs: Pairs,
    pub gaps: Vec<String>,
}

/// Where a namespace's veths lead.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// The other end of each veth, by the veth's index.
    pub peers: BTreeMap<u32, Peer>,
    /// Inode of each namespace that this one has a number for and a device
    /// leads to.
    pub nsids: BTreeMap<i32, u32>,
}

/// The other end of a veth pair, in its namespace's own terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub ifindex: u32,
    /// The namespace's number for the other one; none for itself.
    pub nsid: Option<i32>,
}

/// Reads the calling thread's namespace. `all` are the namespaces that its
/// devices may lead to.
pub(super) fn read(all: &[Netns]) -> io::Result<Links> {
    let mut netlink = Netlink::open(Family::Route)?;
    let mut links = Links::default();

    let mut request = LinkMessage::default();
    // Counters are most of an answer, and not wanted.
    let skip = LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]);
    request.attributes.push(skip);
    let answer = netlink.dump(RouteNetlinkMessage::GetLink(request))?;
    links.count(&answer, "devices");
    for message in answer.messages {
        if let RouteNetlinkMessage::NewLink(message) = message {
            let (device, peer) = device(message);
            if let (DeviceKind::Veth { .. }, Some(peer)) = (&device.kind, peer) {
                links.pairs.peers.insert(device.ifindex, peer);
            }
            links.devices.push(device);
        }
    }
    links.devices.sort_by_key(|d| d.ifindex);

    let answer = netlink.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))?;
    links.count(&answer, "addresses");
    for message in answer.messages {
        if let RouteNetlinkMessage::NewAddress(message) = message {
            links.add_address(message);
        }
    }

    let answer = netlink.dump(neighbours_of(AddressFamily::Unspec))?;
    links.count(&answer, "neighbours");
    for message in answer.messages {
        if let RouteNetlinkMessage::NewNeighbour(message) = message {
            links.neighbours.extend(neighbour(message));
        }
    }

    let vxlans: BTreeSet<u32> = (links.devices.iter())
        .filter(|d| matches!(d.kind, DeviceKind::Vxlan { .. }))
        .map(|d| d.ifindex)
        .collect();
    if !vxlans.is_empty() {
        let answer = netlink.dump(neighbours_of(AddressFamily::Bridge))?;
        links.count(&answer, "forwarding entries");
        for message in answer.messages {
            if let RouteNetlinkMessage::NewNeighbour(message) = message
                && vxlans.contains(&message.header.ifindex)
            {
                links.fdb.extend(fdb_entry(message));
            }
        }
    }

    // The kernel has no list of numbers with inodes: each namespace is asked
    // for in turn, until every number that a device needs is known.
    let mut wanted: BTreeSet<i32> = links.pairs.peers.values().filter_map(|p| p.nsid).collect();
    for namespace in all {
        if wanted.is_empty() {
            break;
        }
        if let Some(nsid) = nsid(&mut netlink, namespace)?
            && wanted.remove(&nsid)
        {
            links.pairs.nsids.insert(nsid, namespace.inode());
        }
    }
    Ok(links)
}

impl Links {
    fn count(&mut self, answer: &Dump<RouteNetlinkMessage>, what: &str) {
        if answer.undecoded > 0 {
            let undecoded = answer.undecoded;
            self.gaps
                .push(format!("{undecoded} of the {what} could not be decoded"));
        }
    }

    fn add_address(&mut self, message: AddressMessage) {
        let index = message.header.index;
        let Some(device) = self.devices.iter_mut().find(|d| d.ifindex == index) else {
            return;
        };
        // On a point-to-point device IFA_ADDRESS is the other side's.
        let (mut local, mut address) = (None, None);
        for attribute in message.attributes {
            match attribute {
                AddressAttribute::Local(a) => local = Some(a),
                AddressAttribute::Address(a) => address = Some(a),
                _ => {}
            }
        }
        if let Some(address) = local.or(address)
            && let Ok(net) = IpNet::new(address, message.header.prefix_len)
        {
            device.addresses.push(net);
        }
    }
}

fn neighbours_of(family: AddressFamily) -> RouteNetlinkMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family;
    RouteNetlinkMessage::GetNeighbour(message)
}

fn device(message: LinkMessage) -> (Device, Option<Peer>) {
    let mut device = Device {
        ifindex: message.header.index,
        name: String::new(),
        kind: DeviceKind::Physical,
        mac: None,
        mtu: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        master: None,
        addresses: Vec::new(),
    };
    let (mut link, mut nsid, mut kind, mut vxlan) = (None, None, None, (0, 0));
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => device.name = name,
            LinkAttribute::Mtu(mtu) => device.mtu = mtu,
            LinkAttribute::Address(bytes) => device.mac = mac(&bytes),
            LinkAttribute::Controller(index) => device.master = Some(index),
            LinkAttribute::Link(index) => link = Some(index),
            LinkAttribute::LinkNetNsId(id) => nsid = Some(id),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(k) => kind = Some(k),
                        LinkInfo::Data(InfoData::Vxlan(infos)) => vxlan = vni_and_port(&infos),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let layer = message.header.link_layer_type;
    let ethernet = layer == LinkLayerType::Ether;
    device.kind = match kind {
        _ if layer == LinkLayerType::Loopback => DeviceKind::Loopback,
        Some(InfoKind::Veth) => DeviceKind::Veth { peer: None },
        Some(InfoKind::Bridge) => DeviceKind::Bridge,
        Some(InfoKind::Vxlan) => DeviceKind::Vxlan {
            vni: vxlan.0,
            port: vxlan.1,
        },
        Some(kind) => DeviceKind::Other {
            kind: kind.to_string(),
            ethernet,
        },
        None if ethernet => DeviceKind::Physical,
        None => DeviceKind::Other {
            kind: layer.to_string().to_lowercase(),
            ethernet,
        },
    };
    let peer = link.map(|ifindex| Peer { ifindex, nsid });
    (device, peer)
}

fn vni_and_port(infos: &[InfoVxlan]) -> (u32, u16) {
    let (mut vni, mut port) = (0, 0);
    for info in infos {
        match info {
            InfoVxlan::Id(id) => vni = *id,
            InfoVxlan::Port(p) => port = *p,
            _ => {}
        }
    }
    (vni, port)
}

fn neighbour(message: NeighbourMessage) -> Option<Neighbour> {
    // Multicast and broadcast "neighbours" that no one ever resolved.
    if message.header.state == KernelState::Noarp {
        return None;
    }
    let (mut address, mut mac_address) = (None, None);
    for attribute in message.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(a)) => {
                address = Some(IpAddr::from(a));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(a)) => {
                address = Some(IpAddr::from(a));
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => mac_address = mac(&bytes),
            _ => {}
        }
    }
    Some(Neighbour {
        ifindex: message.header.ifindex,
        address: address?,
        mac: mac_address,
        state: state(message.header.state),
    })
}

/// `None` for a bridge's own entry, which has no destination.
fn fdb_entry(message: NeighbourMessage) -> Option<FdbEntry> {
    let (mut vtep, mut mac_address) = (None, None);
    for attribute in message.attributes {
        match attribute {
            NeighbourAttribute::Destination(address) => {
                vtep = match address {
                    NeighbourAddress::Inet(a) => Some(IpAddr::from(a)),
                    NeighbourAddress::Inet6(a) => Some(IpAddr::from(a)),
                    // The family is AF_BRIDGE: the length decides.
                    NeighbourAddress::Other(bytes) => (<[u8; 4]>::try_from(&bytes[..]))
                        .map(IpAddr::from)
                        .or_else(|_| <[u8; 16]>::try_from(&bytes[..]).map(IpAddr::from))
                        .ok(),
                    _ => None,
                };
            }
            NeighbourAttribute::LinkLayerAddress(bytes) => mac_address = mac(&bytes),
            _ => {}
        }
    }
    Some(FdbEntry {
        ifindex: message.header.ifindex,
        mac: mac_address?,
        vtep: vtep?,
        state: state(message.header.state),
    })
}

/// `None` for a link layer whose addresses are not Ethernet's.
fn mac(bytes: &[u8]) -> Option<Mac> {
    Mac::try_from(bytes).ok()
}

fn state(state: KernelState) -> NeighbourState {
    match state {
        KernelState::Incomplete => NeighbourState::Incomplete,
        KernelState::Reachable => NeighbourState::Reachable,
        KernelState::Stale => NeighbourState::Stale,
        KernelState::Delay => NeighbourState::Delay,
        KernelState::Probe => NeighbourState::Probe,
        KernelState::Failed => NeighbourState::Failed,
        KernelState::Noarp => NeighbourState::Noarp,
        KernelState::Permanent => NeighbourState::Permanent,
        KernelState::None => NeighbourState::None,
        _ => NeighbourState::Unknown,
    }
}

/// Points each veth at its other end, once all namespaces are read. A peer
/// stays unknown where its namespace was not found, or where the device is
/// gone by now.
pub(super) fn resolve_peers(namespaces: &mut [Namespace], pairs: &BTreeMap<u32, Pairs>) {
    let present: BTreeSet<DeviceRef> = (namespaces.iter())
        .flat_map(|n| n.devices.iter().map(|d| n.at(d)))
        .collect();
    for namespace in namespaces {
        let Some(pairs) = pairs.get(&namespace.inode) else {
            continue;
        };
        for device in &mut namespace.devices {
            if let DeviceKind::Veth { peer } = &mut device.kind {
                *peer = (pairs.peers.get(&device.ifindex))
                    .and_then(|peer| {
                        let namespace = match peer.nsid {
                            None => namespace.inode,
                            Some(nsid) => *pairs.nsids.get(&nsid)?,
                        };
                        let ifindex = peer.ifindex;
                        Some(DeviceRef { namespace, ifindex })
                    })
                    .filter(|peer| present.contains(peer));
            }
        }
    }
}
