//! A trace's connections in few bytes each, for figures of any kind later.
//!
//! A timeline is told of anew when something happens to it since; the latest
//! telling counts. Kept are the times from hop to hop, whose names are shared.

use crate::sys::clock::Nanos;
use crate::timeline::{DatagramKey, Hop, Leg, Phase, Protocol, State, Timeline, Way, same_packet};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Whose connections: the service that was asked for, and who answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    /// The service's name, or `:8080` where only the port is known.
    pub service: String,
    /// The task's name, else its address; `None` for connections that did not
    /// get as far.
    pub backend: Option<String>,
}

/// A place that packets pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its part on the path: `ingress vxlan`.
    pub role: Arc<str>,
    /// `in` or `out`.
    pub way: &'static str,
    /// Name of the namespace.
    pub namespace: Arc<str>,
    /// Name of the device.
    pub device: Arc<str>,
}

impl Place {
    /// As the latency table prints it: `ingress vxlan out`.
    pub fn label(&self) -> String {
        format!("{} {}", self.role, self.way)
    }
}

/// One hop of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Index into [`Record::places`].
    pub place: u32,
    /// Whether the hop before is on another node.
    pub far: bool,
    /// Nanoseconds since the hop before; `None` for a packet's first hop, and
    /// where two nodes' clocks cannot be compared.
    pub took: Option<u64>,
}

/// One packet's way.
#[derive(Clone, Debug)]
pub struct Packet {
    /// There or back.
    pub leg: Leg,
    /// Hop by hop.
    pub steps: Vec<Step>,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Index into [`Record::groups`].
    pub group: usize,
    /// It has a handshake by nature.
    pub tcp: bool,
    /// When it began, for the order.
    pub started: u64,
    /// SYN to SYN-ACK.
    pub handshake: Option<u64>,
    /// First data to first data back.
    pub first_byte: Option<u64>,
    /// A reset answered the SYN.
    pub refused: bool,
    /// There was a reset.
    pub reset: bool,
    /// The client got no answer.
    pub unanswered: bool,
    /// It did not do what a connection is for.
    pub failed: bool,
    /// SYNs sent again.
    pub syn_again: u64,
    /// Packets sent again.
    pub again: u64,
    /// Its packets.
    pub packets: Vec<Packet>,
}

/// What a flow is known by when it is told of again.
type Key = (SocketAddr, Option<u32>, Option<DatagramKey>, u64);

/// All that was seen.
#[derive(Debug, Default)]
pub struct Record {
    /// Whose connections there are.
    pub groups: Vec<Group>,
    /// Where they passed.
    pub places: Vec<Place>,
    /// The connections.
    pub connections: Vec<Connection>,
    group_of: HashMap<Group, usize>,
    place_of: HashMap<Place, u32>,
    known: HashMap<Key, usize>,
}

impl Record {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a timeline, in place of an earlier telling of the same flow. Says
    /// whether it is a new one.
    pub fn add(&mut self, timeline: &Timeline) -> bool {
        let key: Key = (
            timeline.client,
            timeline.key.isn,
            timeline.key.datagram,
            timeline.started_monotonic.ns(),
        );
        let connection = self.connection(timeline);
        if let Some(earlier) = self.known.get(&key)
            && let Some(place) = self.connections.get_mut(*earlier)
        {
            *place = connection;
            return false;
        }
        self.known.insert(key, self.connections.len());
        self.connections.push(connection);
        true
    }

    fn connection(&mut self, timeline: &Timeline) -> Connection {
        let group = self.group(timeline);
        let packets: Vec<Packet> = (timeline.hops.chunk_by(same_packet))
            .map(|hops| self.packet(hops))
            .collect();
        let is = |phase| move |hop: &&Hop| hop.phase == phase;
        let syns = timeline.hops.iter().filter(is(Phase::Syn));
        let sent = syns.map(|hop| hop.attempt).max().unwrap_or(1);
        let state = &timeline.state;
        Connection {
            group,
            tcp: timeline.protocol == Protocol::Tcp,
            started: timeline.started.ns(),
            handshake: timeline.handshake_ns.map(Nanos::unsigned),
            first_byte: timeline.first_byte_ns.map(Nanos::unsigned),
            refused: matches!(state, State::Refused { .. }),
            reset: matches!(state, State::Refused { .. } | State::Reset { .. })
                || timeline.hops.iter().any(|hop| hop.phase == Phase::Rst),
            unanswered: matches!(state, State::Unanswered | State::AnswerLost { .. }),
            failed: !matches!(state, State::Established | State::Closed),
            syn_again: u64::from(sent.saturating_sub(1)),
            again: u64::from(timeline.retransmissions),
            packets,
        }
    }

    fn group(&mut self, timeline: &Timeline) -> usize {
        let by_port = || format!(":{}", timeline.entry.port());
        let by_address = || timeline.backend.map(|address| address.to_string());
        let group = Group {
            service: timeline.service.clone().unwrap_or_else(by_port),
            backend: timeline.task.clone().or_else(by_address),
        };
        let groups = &mut self.groups;
        *self.group_of.entry(group).or_insert_with_key(|group| {
            groups.push(group.clone());
            groups.len() - 1
        })
    }

    fn packet(&mut self, hops: &[Hop]) -> Packet {
        let mut before: Option<&Hop> = None;
        let mut steps = Vec::with_capacity(hops.len());
        for hop in hops {
            let far = before.is_some_and(|b| b.node != hop.node);
            let took = before.and_then(|before| {
                let comparable = before.uncertainty_ns.is_some() && hop.uncertainty_ns.is_some();
                if far && !comparable {
                    return None;
                }
                Some((hop.offset_ns - before.offset_ns).unsigned())
            });
            let place = self.place(hop);
            steps.push(Step { place, far, took });
            before = Some(hop);
        }
        Packet {
            leg: hops.first().map_or(Leg::Forward, |hop| hop.leg),
            steps,
        }
    }

    fn place(&mut self, hop: &Hop) -> u32 {
        let place = Place {
            role: Arc::clone(&hop.role),
            way: match hop.way {
                Way::In => "in",
                Way::Out => "out",
            },
            namespace: Arc::clone(&hop.namespace),
            device: Arc::clone(&hop.device),
        };
        let places = &mut self.places;
        *self.place_of.entry(place).or_insert_with_key(|place| {
            places.push(place.clone());
            u32::try_from(places.len() - 1).unwrap_or(u32::MAX)
        })
    }
}
