//! One connection among all sightings, identified by what no rewrite changes.
//!
//! TCP: the client's initial sequence number names the SYNs and SYN-ACKs; the
//! addresses that they have in each namespace identify every other packet there.
//! UDP: the payload, which the tests make unique, in place of the number.

use super::packet::{Packet, Sighting, Way};
use std::collections::HashSet;
use std::net::SocketAddr;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

type Face = (u32, SocketAddr, SocketAddr);

/// What kind of packet, in the timeline's words.
pub type Phase = &'static str;

/// One connection's packets, in order.
#[derive(Clone, Debug)]
pub struct Flow {
    /// TCP: the client's initial sequence number.
    pub isn: Option<u32>,
    /// The packets that swarmtrace reports without `--all-packets`.
    pub steps: Vec<Step>,
}

/// One packet at one place.
#[derive(Clone, Debug)]
pub struct Step {
    /// `syn`, `syn_ack`, `request`, `response`, `fin`, `rst`, `icmp_error`
    pub phase: Phase,
    /// `forward`, `reply`
    pub leg: &'static str,
    /// Where and with which addresses.
    pub at: Sighting,
}

impl Flow {
    /// The TCP connection that was opened from `client_port`.
    #[track_caller]
    pub fn tcp(seen: &[Sighting], client_port: u16) -> Self {
        let opens = |p: &Packet| p.has(SYN, ACK) && p.source.port() == client_port;
        let numbers: HashSet<u32> = seen
            .iter()
            .filter(|s| opens(&s.packet))
            .map(|s| s.packet.seq)
            .collect();
        let isn = match Vec::from_iter(numbers)[..] {
            [isn] => isn,
            ref numbers => panic!("{} connections from port {client_port}", numbers.len()),
        };
        Self::of_isn(seen, isn)
    }

    /// The TCP connection with that initial sequence number.
    pub fn of_isn(seen: &[Sighting], isn: u32) -> Self {
        let first = isn.wrapping_add(1);
        let server_isn = seen
            .iter()
            .find(|s| s.packet.has(SYN | ACK, 0) && s.packet.ack == first)
            .map(|s| s.packet.seq);
        let phase = |p: &Packet, forward: bool| {
            let first = if forward {
                Some(first)
            } else {
                server_isn.map(|n| n.wrapping_add(1))
            };
            if p.icmp.is_some() {
                Some("icmp_error")
            } else if p.has(RST, 0) {
                Some("rst")
            } else if p.has(SYN, 0) {
                Some(if forward { "syn" } else { "syn_ack" })
            } else if !p.payload.is_empty() && Some(p.seq) == first {
                Some(if forward { "request" } else { "response" })
            } else {
                p.has(FIN, 0).then_some("fin")
            }
        };
        let asks = |p: &Packet| p.has(SYN, ACK) && p.seq == isn;
        let answers = |p: &Packet| p.has(SYN | ACK, 0) && p.ack == first;
        let steps = steps(seen, asks, answers, phase);
        Self {
            isn: Some(isn),
            steps,
        }
    }

    /// The UDP exchange of `payload` and `answer`.
    pub fn udp(seen: &[Sighting], payload: &[u8], answer: &[u8]) -> Self {
        let phase = |p: &Packet, forward: bool| {
            Some(match (p.icmp, forward) {
                (Some(_), _) => "icmp_error",
                (None, true) => "request",
                (None, false) => "response",
            })
        };
        let asks = |p: &Packet| p.protocol == 17 && p.payload == payload;
        let answers = |p: &Packet| p.protocol == 17 && p.payload == answer;
        let steps = steps(seen, asks, answers, phase);
        Self { isn: None, steps }
    }

    /// Packets of one kind within `namespaces`, in order.
    pub fn of<'a>(
        &'a self,
        phase: &'a str,
        leg: &'a str,
        namespaces: &'a [u32],
    ) -> impl Iterator<Item = &'a Sighting> {
        self.steps
            .iter()
            .filter(move |s| s.phase == phase && s.leg == leg && namespaces.contains(&s.at.netns))
            .map(|s| &s.at)
    }

    /// The path of one kind of packet, as `namespace device way` each.
    pub fn path(&self, phase: &str, leg: &str) -> Vec<String> {
        let steps = self
            .steps
            .iter()
            .filter(|s| s.phase == phase && s.leg == leg);
        steps
            .map(|s| {
                let way = if s.at.way == Way::In { "in" } else { "out" };
                format!("{} {} {way}", s.at.namespace, s.at.device)
            })
            .collect()
    }
}

fn steps(
    seen: &[Sighting],
    asks: impl Fn(&Packet) -> bool,
    answers: impl Fn(&Packet) -> bool,
    phase: impl Fn(&Packet, bool) -> Option<Phase>,
) -> Vec<Step> {
    let face = |s: &Sighting| (s.netns, s.packet.source, s.packet.destination);
    let turned = |(netns, source, destination): Face| (netns, destination, source);
    let asking = seen.iter().filter(|s| asks(&s.packet)).map(face);
    let answering = seen
        .iter()
        .filter(|s| answers(&s.packet))
        .map(|s| turned(face(s)));
    let faces: HashSet<Face> = asking.chain(answering).collect();
    seen.iter()
        .filter_map(|sighting| {
            let there = faces.contains(&face(sighting));
            let back = faces.contains(&turned(face(sighting)));
            // An ICMP error quotes a packet of one leg and travels on the other.
            let forward = there != sighting.packet.icmp.is_some();
            let phase = phase(&sighting.packet, forward);
            Some(Step {
                phase: phase.filter(|_| there || back)?,
                leg: if forward { "forward" } else { "reply" },
                at: sighting.clone(),
            })
        })
        .collect()
}
