//! The packets whose instructions are counted: those that a busy node has most of,
//! and as a comparison some that are reported.

use super::loaded::{Loaded, Run};
use etherparse::{PacketBuilder, TcpHeader, TcpOptionElement};
use std::mem::offset_of;
use std::net::IpAddr;
use swarmtrace_common::names::programs;
use swarmtrace_common::{
    Endpoint, Mode, PacketEvent, PortSet, Settings, TcpFlags, Tuple, counters,
};

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVICE: [u8; 4] = [10, 0, 0, 6];
const OTHER: [u8; 4] = [10, 0, 0, 7];
const PORT: u16 = 80;
const VXLAN: u16 = 4789;
/// `TC_ACT_UNSPEC`: go on as if no program had been there.
const GO_ON: i32 = -1;

/// A packet at a tap, and which filter it meets there.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// Whether an event of it is written.
    pub reported: bool,
    mode: Mode,
    /// Of the destination.
    address: [u8; 4],
    port: u16,
    flags: TcpFlags,
    data: &'static [u8],
    /// In a VXLAN datagram, on its way out.
    vxlan: bool,
}

/// A SYN to the service, which `follow` reports.
const SYN: Case = Case {
    name: "reported SYN",
    reported: true,
    mode: Mode::Transitions,
    address: SERVICE,
    port: PORT,
    flags: TcpFlags::SYN,
    data: b"",
    vxlan: false,
};

/// Every case.
pub const CASES: [Case; 9] = [
    SYN,
    Case {
        name: "reported SYN in VXLAN",
        vxlan: true,
        ..SYN
    },
    Case {
        name: "rejected by port",
        reported: false,
        port: 443,
        ..SYN
    },
    Case {
        name: "rejected by port in VXLAN",
        reported: false,
        port: 443,
        vxlan: true,
        ..SYN
    },
    Case {
        name: "rejected bare acknowledgment",
        reported: false,
        flags: TcpFlags::ACK,
        ..SYN
    },
    Case {
        name: "rejected by address",
        reported: false,
        address: OTHER,
        ..SYN
    },
    Case {
        name: "rejected by address in VXLAN",
        reported: false,
        address: OTHER,
        vxlan: true,
        ..SYN
    },
    Case {
        name: "rejected data of rst",
        reported: false,
        mode: Mode::Handshakes,
        flags: TcpFlags::PSH.union(TcpFlags::ACK),
        data: b"hello",
        ..SYN
    },
    Case {
        name: "rejected data of rst in VXLAN",
        reported: false,
        mode: Mode::Handshakes,
        flags: TcpFlags::PSH.union(TcpFlags::ACK),
        data: b"hello",
        vxlan: true,
        ..SYN
    },
];

impl Case {
    /// Runs the program of the tap over the packet.
    ///
    /// # Panics
    /// Where the outcome is another than it should be.
    pub fn run(&self) -> Run {
        let settings = Settings {
            vxlan_port: VXLAN,
            mode: self.mode,
            match_any: u8::from(self.mode == Mode::Handshakes),
            ..Settings::default()
        };
        let service = Endpoint::new(IpAddr::from(SERVICE), PORT, 6);
        let loaded = Loaded::new(&settings, &PortSet::from_iter([PORT]), &[service]);
        let (program, frame) = if self.vxlan {
            (programs::TAP_OUT, vxlan(&self.frame()))
        } else {
            (programs::TAP_IN, self.frame())
        };
        let run = loaded.run(program, &frame);
        let reported = u64::from(self.reported);
        let count = |counter: u32| run.counts[counter as usize];
        assert_eq!(run.returned, GO_ON, "{self:?}: {run:?}");
        assert_eq!(count(counters::SEEN), 1, "{self:?}: {run:?}");
        assert_eq!(count(counters::REPORTED), reported, "{self:?}: {run:?}");
        assert_eq!(run.reserved as u64, reported, "{self:?}: {run:?}");
        assert_eq!(run.records.len(), run.reserved, "{self:?}: {run:?}");
        for record in &run.records {
            self.expect(record);
        }
        run
    }

    /// What is written is of this packet.
    fn expect(&self, record: &[u8]) {
        assert_eq!(record.len(), size_of::<PacketEvent>());
        let tuple = offset_of!(PacketEvent, tuple);
        let (to, port) = (offset_of!(Tuple, dst), offset_of!(Tuple, dst_port));
        let address = swarmtrace_common::mapped(IpAddr::from(self.address));
        assert_eq!(record[tuple + to..][..16], address);
        assert_eq!(record[tuple + port..][..2], self.port.to_ne_bytes());
        let flags = record[offset_of!(PacketEvent, tcp_flags)];
        assert_eq!(flags, self.flags.bits());
    }

    fn frame(&self) -> Vec<u8> {
        let mut header = TcpHeader::new(51_544, self.port, 1000, u16::MAX);
        header.syn = self.flags.contains(TcpFlags::SYN);
        header.ack = self.flags.contains(TcpFlags::ACK);
        header.psh = self.flags.contains(TcpFlags::PSH);
        let options = [
            TcpOptionElement::Noop,
            TcpOptionElement::Noop,
            TcpOptionElement::Timestamp(1, 2),
        ];
        header.set_options(&options).expect("options");
        let frame = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 1])
            .ipv4(CLIENT, self.address, 64)
            .tcp_header(header);
        let mut bytes = Vec::new();
        frame.write(&mut bytes, self.data).expect("a frame");
        bytes
    }
}

/// The frame in a VXLAN datagram between two nodes.
fn vxlan(inner: &[u8]) -> Vec<u8> {
    let outer = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 4], [2, 0, 0, 0, 0, 3])
        .ipv4([192, 168, 50, 1], [192, 168, 50, 2], 64)
        .udp(40_000, VXLAN);
    let header = [8, 0, 0, 0, 0, 16, 0, 0];
    let mut bytes = Vec::new();
    let written = outer.write(&mut bytes, &[&header, inner].concat());
    written.expect("a frame");
    bytes
}
