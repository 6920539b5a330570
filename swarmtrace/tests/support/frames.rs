//! Builds frames byte by byte, for `BPF_PROG_TEST_RUN`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use swarmtrace_common::TcpFlags;

pub const IPV4: u16 = 0x0800;
pub const IPV6: u16 = 0x86dd;
pub const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0];
/// What Linux sends in a SYN: MSS, SACK permitted, timestamps, NOP, window scale.
pub const SYN_OPTIONS: [u8; 20] = [
    2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0, 1, 3, 3, 7,
];

pub fn ethernet(ether_type: u16, rest: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend(ether_type.to_be_bytes());
    frame.extend(rest);
    frame
}

/// A VLAN tag before `rest`, whose own EtherType is `ether_type`.
pub fn tag(id: u16, ether_type: u16, rest: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &ether_type.to_be_bytes(), rest].concat()
}

#[derive(Clone, Debug)]
pub struct Ip {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub id: u16,
    pub ttl: u8,
    /// IPv4: flags and offset as in the header.
    pub fragment: u16,
    /// IPv4: option bytes, a multiple of 4.
    pub options: Vec<u8>,
    /// IPv6: extension headers as (type, bytes without the next-header byte).
    pub extensions: Vec<(u8, Vec<u8>)>,
}

pub fn v4(src: [u8; 4], dst: [u8; 4]) -> Ip {
    ip(Ipv4Addr::from(src).into(), Ipv4Addr::from(dst).into())
}

pub fn v6(src: u16, dst: u16) -> Ip {
    let address = |last| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last).into();
    ip(address(src), address(dst))
}

pub fn ip(src: IpAddr, dst: IpAddr) -> Ip {
    Ip {
        src,
        dst,
        id: 0x1234,
        ttl: 63,
        fragment: 0,
        options: Vec::new(),
        extensions: Vec::new(),
    }
}

impl Ip {
    pub fn ether_type(&self) -> u16 {
        if self.src.is_ipv4() { IPV4 } else { IPV6 }
    }

    pub fn packet(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let header = 20 + self.options.len();
                let total = (header + payload.len()) as u16;
                let mut packet = vec![0x40 | (header / 4) as u8, 0];
                packet.extend(total.to_be_bytes());
                packet.extend(self.id.to_be_bytes());
                packet.extend(self.fragment.to_be_bytes());
                packet.extend([self.ttl, protocol, 0, 0]);
                packet.extend(src.octets());
                packet.extend(dst.octets());
                packet.extend(&self.options);
                packet.extend(payload);
                packet
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let mut rest = payload.to_vec();
                let mut next = protocol;
                for (kind, bytes) in self.extensions.iter().rev() {
                    rest = [&[next][..], bytes, &rest].concat();
                    next = *kind;
                }
                let mut packet = vec![0x60, 0, 0, 0];
                packet.extend((rest.len() as u16).to_be_bytes());
                packet.extend([next, self.ttl]);
                packet.extend(src.octets());
                packet.extend(dst.octets());
                packet.extend(rest);
                packet
            }
            _ => panic!("mixed families"),
        }
    }

    /// The whole frame.
    pub fn frame(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        ethernet(self.ether_type(), &self.packet(protocol, payload))
    }
}

#[derive(Clone, Debug)]
pub struct Tcp {
    pub ports: (u16, u16),
    pub seq: u32,
    pub ack: u32,
    pub flags: TcpFlags,
    pub options: Vec<u8>,
    pub data: Vec<u8>,
}

pub fn tcp(src: u16, dst: u16, flags: TcpFlags, seq: u32, ack: u32) -> Tcp {
    Tcp {
        ports: (src, dst),
        seq,
        ack,
        flags,
        options: Vec::new(),
        data: Vec::new(),
    }
}

impl Tcp {
    pub fn options(mut self, options: &[u8]) -> Self {
        self.options = options.to_vec();
        self
    }

    pub fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut segment = Vec::new();
        segment.extend(self.ports.0.to_be_bytes());
        segment.extend(self.ports.1.to_be_bytes());
        segment.extend(self.seq.to_be_bytes());
        segment.extend(self.ack.to_be_bytes());
        let words = (20 + self.options.len()) / 4;
        segment.extend([
            (words as u8) << 4,
            self.flags.bits(),
            0xff,
            0xff,
            0,
            0,
            0,
            0,
        ]);
        segment.extend(&self.options);
        segment.extend(&self.data);
        segment
    }
}

pub fn udp(src: u16, dst: u16, data: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(src.to_be_bytes());
    datagram.extend(dst.to_be_bytes());
    datagram.extend((8 + data.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(data);
    datagram
}

/// A VXLAN datagram's UDP part around an inner frame.
pub fn vxlan(port: u16, vni: u32, inner: &[u8]) -> Vec<u8> {
    let mut data = vec![8, 0, 0, 0];
    data.extend((vni << 8).to_be_bytes());
    data.extend(inner);
    udp(40_000, port, &data)
}

pub fn icmp(kind: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
    [&[kind, code, 0, 0, 0, 0, 0, 0], quoted].concat()
}
