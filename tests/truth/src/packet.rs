//! One packet at one device, from tcpdump's file.
//!
//! tcpdump listens on all devices of a namespace at once and writes Linux cooked
//! headers (SLL2), which say for each packet which device it was at and whether
//! it was on its way out. `AF_PACKET` sees a packet on its way in just before tc
//! does and on its way out just after, so the order of sightings is the order of
//! taps. Two limits: a packet that a bridge passes up to its own stack keeps the
//! time stamp of the bridge's port (a tie, which the order within the file
//! resolves), and what tc itself drops on the way out is never seen.

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_file::pcap::PcapReader;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

const SLL2_HEADER: usize = 20;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// Which way a packet crossed a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// It came in from the device.
    In,
    /// It was about to leave through it.
    Out,
}

/// One packet at one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Inode of the namespace.
    pub netns: u32,
    /// The bed's name for the namespace: `node-a ingress_sbox`.
    pub namespace: String,
    /// Index of the device in it.
    pub ifindex: u32,
    /// Name of the device.
    pub device: String,
    /// Which way.
    pub way: Way,
    /// `CLOCK_REALTIME`, nanoseconds.
    pub time: u64,
    /// The packet (inside VXLAN: the inner one).
    pub packet: Packet,
    /// The VXLAN datagram around it.
    pub vxlan: Option<Vxlan>,
}

/// The fields of a packet that identify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// IP protocol number; of an ICMP error the quoted packet's.
    pub protocol: u8,
    /// Source.
    pub source: SocketAddr,
    /// Destination.
    pub destination: SocketAddr,
    /// IP identification; 0 for IPv6.
    pub ip_id: u16,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// The TCP header's 14th byte; 0 for UDP.
    pub flags: u8,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgment number.
    pub ack: u32,
    /// What it carries.
    pub payload: Vec<u8>,
    /// ICMP error: who sent it, type and code. Source and destination are then
    /// the quoted packet's.
    pub icmp: Option<(IpAddr, u8, u8)>,
}

/// A VXLAN datagram around a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// VXLAN network identifier.
    pub vni: u32,
    /// Outer source.
    pub from: IpAddr,
    /// Outer destination.
    pub to: IpAddr,
}

/// A captured packet before a bed gave its place a name.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Index of the device.
    pub ifindex: u32,
    /// Which way.
    pub way: Way,
    /// `CLOCK_REALTIME`, nanoseconds.
    pub time: u64,
    /// The packet.
    pub packet: Packet,
    /// The VXLAN datagram around it.
    pub vxlan: Option<Vxlan>,
}

/// Everything TCP, UDP or ICMP error in a file that
/// `tcpdump -i any -y LINUX_SLL2` wrote, in the file's order.
pub fn read(file: &[u8], vxlan_port: u16) -> Vec<Captured> {
    let mut reader = PcapReader::new(file).expect("tcpdump's file has a pcap header");
    let mut captured = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.expect("tcpdump's file is whole");
        let time = u64::try_from(packet.timestamp.as_nanos()).expect("a time of this age");
        captured.extend(cooked(&packet.data, time, vxlan_port));
    }
    captured
}

fn cooked(data: &[u8], time: u64, vxlan_port: u16) -> Option<Captured> {
    let (header, rest) = data.split_at_checked(SLL2_HEADER)?;
    let ether_type = u16::from_be_bytes([header[0], header[1]]);
    let ifindex = u32::from_be_bytes(header[4..8].try_into().ok()?);
    // PACKET_OUTGOING
    let way = if header[10] == 4 { Way::Out } else { Way::In };
    let sliced = LaxSlicedPacket::from_ether_type(ether_type.into(), rest);
    let (packet, vxlan) = unwrap(&sliced, vxlan_port)?;
    Some(Captured {
        ifindex,
        way,
        time,
        packet,
        vxlan,
    })
}

fn unwrap(sliced: &LaxSlicedPacket, vxlan_port: u16) -> Option<(Packet, Option<Vxlan>)> {
    if let Some(TransportSlice::Udp(udp)) = &sliced.transport
        && udp.destination_port() == vxlan_port
    {
        let (header, frame) = udp.payload().split_at_checked(8)?;
        let (from, to) = addresses(sliced)?;
        let vxlan = Vxlan {
            vni: u32::from_be_bytes(header[4..8].try_into().ok()?) >> 8,
            from,
            to,
        };
        let inner = LaxSlicedPacket::from_ethernet(frame).ok()?;
        return Some((transport(&inner)?, Some(vxlan)));
    }
    Some((transport(sliced)?, None))
}

fn addresses(sliced: &LaxSlicedPacket) -> Option<(IpAddr, IpAddr)> {
    Some(match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(v4) => (
            v4.header().source_addr().into(),
            v4.header().destination_addr().into(),
        ),
        LaxNetSlice::Ipv6(v6) => (
            v6.header().source_addr().into(),
            v6.header().destination_addr().into(),
        ),
        LaxNetSlice::Arp(_) => return None,
    })
}

fn transport(sliced: &LaxSlicedPacket) -> Option<Packet> {
    let (source, destination) = addresses(sliced)?;
    let (ip_id, ttl) = match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(v4) => (v4.header().identification(), v4.header().ttl()),
        LaxNetSlice::Ipv6(v6) => (0, v6.header().hop_limit()),
        LaxNetSlice::Arp(_) => return None,
    };
    let packet = |protocol, source_port, destination_port, payload: &[u8]| Packet {
        protocol,
        source: (source, source_port).into(),
        destination: (destination, destination_port).into(),
        ip_id,
        ttl,
        flags: 0,
        seq: 0,
        ack: 0,
        payload: payload.to_owned(),
        icmp: None,
    };
    match sliced.transport.as_ref()? {
        TransportSlice::Tcp(tcp) => Some(Packet {
            flags: tcp.slice()[13],
            seq: tcp.sequence_number(),
            ack: tcp.acknowledgment_number(),
            ..packet(6, tcp.source_port(), tcp.destination_port(), tcp.payload())
        }),
        TransportSlice::Udp(udp) => Some(packet(
            17,
            udp.source_port(),
            udp.destination_port(),
            udp.payload(),
        )),
        TransportSlice::Icmpv4(icmp) => {
            let is_error = [3, 4, 5, 11, 12].contains(&icmp.type_u8());
            let error = (source, icmp.type_u8(), icmp.code_u8());
            is_error.then(|| quoted(icmp.payload(), error))?
        }
        TransportSlice::Icmpv6(icmp) => {
            let error = (source, icmp.type_u8(), icmp.code_u8());
            (icmp.type_u8() < 128).then(|| quoted(icmp.payload(), error))?
        }
    }
}

/// The packet that an ICMP error quotes: as far as its ports, as a rule.
fn quoted(quote: &[u8], error: (IpAddr, u8, u8)) -> Option<Packet> {
    let sliced = LaxSlicedPacket::from_ip(quote).ok()?;
    let (source, destination, protocol, rest): (IpAddr, IpAddr, _, _) = match sliced.net? {
        LaxNetSlice::Ipv4(v4) => (
            v4.header().source_addr().into(),
            v4.header().destination_addr().into(),
            v4.payload().ip_number.0,
            v4.payload().payload,
        ),
        LaxNetSlice::Ipv6(v6) => (
            v6.header().source_addr().into(),
            v6.header().destination_addr().into(),
            v6.payload().ip_number.0,
            v6.payload().payload,
        ),
        LaxNetSlice::Arp(_) => return None,
    };
    if [ICMP, ICMPV6].contains(&protocol) {
        return None;
    }
    let port = |at: usize| Some(u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?));
    Some(Packet {
        protocol,
        source: (source, port(0)?).into(),
        destination: (destination, port(2)?).into(),
        ip_id: 0,
        ttl: 0,
        flags: 0,
        seq: 0,
        ack: 0,
        payload: Vec::new(),
        icmp: Some(error),
    })
}

impl Packet {
    /// Whether all of these TCP flag bits are set and none of those.
    pub fn has(&self, set: u8, clear: u8) -> bool {
        self.protocol == 6 && self.flags & set == set && self.flags & clear == 0
    }
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.way == Way::In { "in" } else { "out" };
        write!(
            f,
            "{} {} {way} {} > {}",
            self.namespace, self.device, self.packet.source, self.packet.destination
        )?;
        if let Some(vxlan) = self.vxlan {
            write!(f, " vxlan {} {} > {}", vxlan.vni, vxlan.from, vxlan.to)?;
        }
        if let Some((from, kind, code)) = self.packet.icmp {
            write!(f, " icmp {kind}/{code} from {from}")?;
        }
        Ok(())
    }
}
