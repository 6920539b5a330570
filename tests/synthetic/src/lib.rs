//! Events of a Swarm that does not exist, for tests and benchmarks.
//!
//! Every path of a Docker Swarm, hop by hop as on a real one: same taps, same
//! order, same addresses, marks and conntrack tuples. What a test wants to go
//! wrong it takes away, doubles or shuffles itself.
//!
//! The product's unit tests compile this file into themselves (see `synthetic` in
//! swarmtrace's lib.rs): to them a crate that depends on the product would be of
//! other types. So it names the product `swarmtrace`, and itself by `self` or `super`.

mod bed;
mod path;

pub use self::bed::{At, topology};
pub use self::path::{Path, ROUTES, Route, Step, Wish, path};

use std::net::SocketAddr;
use swarmtrace_common::{EventKind, PacketEvent, PacketFlags, TcpFlags, Tuple};

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Handshake, data each way, FIN each way.
    Closed,
    /// Handshake and data each way, then silence.
    Open,
    /// Handshake, then silence.
    Idle,
    /// A reset answers the SYN.
    Refused,
    /// Nothing answers the SYN, which is sent three times.
    Unanswered,
    /// Data each way, then the server resets.
    Reset,
}

/// One connection to be made.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Which path.
    pub route: Route,
    /// How it ends.
    pub ending: Ending,
    /// UDP: a datagram and its reply (or none where it is `Unanswered`).
    pub udp: bool,
    /// The client, see [`Wish::client`].
    pub client: SocketAddr,
    /// The source port that SNAT gives.
    pub nat_port: u16,
    /// The client's initial sequence number; the server's is its complement.
    pub isn: u32,
    /// IP identification of the client's first packet; 0: always 0.
    pub ip_id: u16,
    /// TCP timestamp of the client's first packet; 0: none.
    pub tsval: u32,
    /// `CLOCK_MONOTONIC` of the first event.
    pub start: u64,
    /// SYNs that go unanswered before the first that is answered.
    pub retransmitted: u16,
}

impl Connection {
    /// A connection with plausible numbers made from `seed`.
    pub fn new(route: Route, ending: Ending, seed: u32) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995;
        let port = 32_768 + (seed % 28_000) as u16;
        Self {
            route,
            ending,
            udp: false,
            client: SocketAddr::from(([192, 0, 2, 10 + (seed / 28_000 % 200) as u8], port)),
            nat_port: port,
            isn: mixed,
            ip_id: (mixed >> 7) as u16 | 1,
            tsval: mixed.rotate_left(9) | 1,
            start: 1_000_000_000,
            retransmitted: 0,
        }
    }

    /// Its path.
    pub fn path(&self) -> Path {
        path(Wish {
            route: self.route,
            protocol: if self.udp { 17 } else { 6 },
            client: self.client,
            nat_port: self.nat_port,
        })
    }

    /// Its events, by time.
    pub fn events(&self) -> Vec<PacketEvent> {
        let mut script = Script {
            connection: *self,
            path: self.path(),
            clock: self.start,
            packets: 0,
            events: Vec::new(),
        };
        if self.udp {
            script.udp();
        } else {
            script.tcp();
        }
        script.events
    }
}

struct Script {
    connection: Connection,
    path: Path,
    clock: u64,
    packets: u16,
    events: Vec<PacketEvent>,
}

impl Script {
    fn udp(&mut self) {
        for _ in 0..self.connection.retransmitted {
            self.datagram(true);
            self.clock += 300_000_000;
        }
        self.datagram(true);
        if self.connection.ending != Ending::Unanswered {
            self.datagram(false);
        }
    }

    fn tcp(&mut self) {
        let ending = self.connection.ending;
        for _ in 0..self.connection.retransmitted {
            self.segment(true, TcpFlags::SYN, 0, 0, 0);
            self.clock += 1_000_000_000;
        }
        match ending {
            Ending::Unanswered => {
                for wait in [1_000_000_000, 2_000_000_000, 0] {
                    self.segment(true, TcpFlags::SYN, 0, 0, 0);
                    self.clock += wait;
                }
                return;
            }
            Ending::Refused => {
                self.segment(true, TcpFlags::SYN, 0, 0, 0);
                self.refuse();
                return;
            }
            _ => {}
        }
        self.segment(true, TcpFlags::SYN, 0, 0, 0);
        self.segment(false, TcpFlags::SYN | TcpFlags::ACK, 0, 1, 0);
        if ending == Ending::Idle {
            return;
        }
        self.segment(true, TcpFlags::PSH | TcpFlags::ACK, 1, 1, 77);
        self.clock += 100_000;
        self.segment(false, TcpFlags::PSH | TcpFlags::ACK, 1, 78, 500);
        match ending {
            Ending::Closed => {
                self.segment(false, TcpFlags::FIN | TcpFlags::ACK, 501, 78, 0);
                self.segment(true, TcpFlags::FIN | TcpFlags::ACK, 78, 502, 0);
            }
            Ending::Reset => {
                self.clock += 2_000_000_000;
                self.segment(false, TcpFlags::RST | TcpFlags::ACK, 501, 78, 0);
            }
            _ => {}
        }
    }

    fn isn(&self, there: bool) -> u32 {
        if there {
            self.connection.isn
        } else {
            !self.connection.isn
        }
    }

    fn segment(&mut self, there: bool, bits: TcpFlags, seq: u32, ack: u32, payload: u32) {
        let c = self.connection;
        let mut event = self.blank(there);
        event.seq = self.isn(there).wrapping_add(seq);
        if bits.contains(TcpFlags::ACK) {
            event.ack = self.isn(!there).wrapping_add(ack);
        }
        event.tcp_flags = bits;
        event.payload_length = payload;
        if c.tsval != 0 {
            let ticks = (self.clock.saturating_sub(c.start) / 1_000_000) as u32;
            event.flags |= PacketFlags::TIMESTAMPS;
            event.tsval = c
                .tsval
                .wrapping_add(ticks)
                .wrapping_add(if there { 0 } else { 7777 });
            event.tsecr = if there && !bits.contains(TcpFlags::ACK) {
                0
            } else {
                c.tsval.wrapping_add(ticks)
            };
        }
        if bits & (TcpFlags::SYN | TcpFlags::ACK) == TcpFlags::SYN | TcpFlags::ACK {
            event.ip_id = 0;
        }
        if payload > 0 && seq == 1 {
            event.flags |= PacketFlags::FIRST_DATA;
        }
        self.walk(there, event);
    }

    /// The reset of a SYN by a host without a listener.
    fn refuse(&mut self) {
        let mut event = self.blank(false);
        event.ack = self.connection.isn.wrapping_add(1);
        event.tcp_flags = TcpFlags::RST | TcpFlags::ACK;
        event.ip_id = 0;
        self.walk(false, event);
    }

    fn datagram(&mut self, there: bool) {
        let mut event = self.blank(there);
        event.payload_length = if there { 40 } else { 120 };
        event.payload_tag = self.isn(there);
        self.walk(there, event);
    }

    fn blank(&mut self, there: bool) -> PacketEvent {
        self.packets += 1;
        let shift = if there { 0 } else { 20_000 };
        let ip_id = match self.connection.ip_id {
            0 => 0,
            id => id.wrapping_add(self.packets).wrapping_add(shift).max(1),
        };
        PacketEvent { ip_id, ..blank() }
    }

    /// Emits the packet at each step of its way.
    fn walk(&mut self, there: bool, packet: PacketEvent) {
        let steps = if there {
            &self.path.there
        } else {
            &self.path.back
        };
        for (index, step) in steps.iter().enumerate() {
            let mut event = packet;
            let jitter = u64::from(self.connection.isn.rotate_left(index as u32 * 5) % 900);
            self.clock += 4_000 + 1_000 * (index as u64 % 5) + jitter;
            event.time = self.clock;
            event.netns = step.netns;
            event.ifindex = step.ifindex;
            event.direction = step.direction as u8;
            event.tuple = step.tuple;
            event.mark = step.mark;
            if let Some((vni, outer)) = step.vxlan {
                event.flags |= PacketFlags::VXLAN;
                event.vni = vni;
                event.outer = outer;
            }
            if let Some((original, reply)) = step.conntrack {
                event.flags |= PacketFlags::CONNTRACK;
                event.original = original;
                event.reply = reply;
            }
            self.events.push(event);
        }
        self.clock += 20_000;
    }
}

/// An event with nothing in it.
pub fn blank() -> PacketEvent {
    PacketEvent {
        time: 0,
        skb: 0xffff_8880_0000_1000,
        netns: 0,
        ifindex: 0,
        mark: 0,
        hash: 0,
        length: 0,
        seq: 0,
        ack: 0,
        tsval: 0,
        tsecr: 0,
        vni: 0,
        payload_length: 0,
        payload_tag: 0,
        ip_id: 0,
        gso_size: 0,
        gso_segs: 0,
        vlan: 0,
        flags: PacketFlags::empty(),
        kind: EventKind::Packet as u8,
        direction: 0,
        tcp_flags: TcpFlags::empty(),
        ttl: 64,
        padding: [0; 2],
        tuple: Tuple::default(),
        outer: Tuple::default(),
        original: Tuple::default(),
        reply: Tuple::default(),
    }
}
