//! A made-up Swarm's traffic, broken on purpose.
//!
//! A [`Scene`] starts from a connection of the synthetic Swarm, seen whole, with
//! every tap attached and nothing lost. A test cuts its packets short, adds
//! drops and answers, or takes the topology apart, and asks for the verdict.
//! Places are written as they are printed, after the node's letter:
//! `a ingress_sbox eth1 in`, `b eth0 out`.

use super::bed::{address, all_taps, node, real};
use crate::diagnose::{
    Case, Coverage, Diagnosis, NodeCoverage, PacketDrop, ResetSent, Tap, TaskActivity, verdicts,
};
use crate::flow::{Correlator, Lost, Options};
use crate::synthetic::{At, Connection, topology};
use crate::sys::clock::{Mono, Nanos};
use crate::timeline::join::join;
use crate::timeline::{Direction, Timeline};
use crate::topology::{NamespaceKind, Topology};
use std::net::SocketAddr;
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags, Tuple};

/// Whose taps the events come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    A,
    B,
    Both,
}

/// Which packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Syn,
    SynAck,
    Request,
    Response,
    Rst,
    Other,
}

#[derive(Clone)]
pub struct Scene {
    pub connection: Connection,
    pub view: View,
    pub events: Vec<PacketEvent>,
    pub drops: Vec<PacketDrop>,
    pub resets: Vec<ResetSent>,
    pub lost: u64,
    pub untapped: Vec<String>,
    pub a: Topology,
    pub b: Topology,
    pub task_state: Option<TaskActivity>,
}

impl Scene {
    pub fn new(connection: Connection, view: View) -> Self {
        Self {
            connection,
            view,
            events: connection.events(),
            drops: vec![],
            resets: vec![],
            lost: 0,
            untapped: vec![],
            a: real(topology(At::A)),
            b: real(topology(At::B)),
            task_state: None,
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn state(self, state: TaskActivity) -> Self {
        self.with(|s| s.task_state = Some(state))
    }

    pub fn kind(&self, event: &PacketEvent) -> Kind {
        const SYN_ACK: TcpFlags = TcpFlags::SYN.union(TcpFlags::ACK);
        let forward = event.seq.wrapping_sub(self.connection.isn) < 1000;
        match event.tcp_flags {
            TcpFlags::SYN => Kind::Syn,
            SYN_ACK => Kind::SynAck,
            f if f.contains(TcpFlags::RST) => Kind::Rst,
            _ if event.payload_length > 0 && forward => Kind::Request,
            _ if event.payload_length > 0 => Kind::Response,
            _ => Kind::Other,
        }
    }

    /// Packets of that kind are seen up to that place.
    pub fn until(self, kind: Kind, place: &str) -> Self {
        self.trim(kind, place, false)
    }

    /// Packets of that kind are seen from that place on.
    pub fn from(self, kind: Kind, place: &str) -> Self {
        self.trim(kind, place, true)
    }

    fn trim(mut self, kind: Kind, place: &str, begin: bool) -> Self {
        let mut kept = Vec::new();
        let mut passed = false;
        let mut last = None;
        let mut met = false;
        for event in std::mem::take(&mut self.events) {
            let packet = (self.kind(&event), event.ip_id, event.tsval, event.seq);
            passed &= last == Some(packet);
            last = Some(packet);
            let here = self.place(&event) == place;
            let keep = if begin { passed || here } else { !passed };
            passed |= here;
            met |= here && self.kind(&event) == kind;
            if keep || self.kind(&event) != kind {
                kept.push(event);
            }
        }
        assert!(met, "no {kind:?} at {place}");
        self.events = kept;
        self
    }

    /// Only events for which `keep` holds.
    pub fn only(mut self, keep: impl Fn(&Self, &PacketEvent) -> bool) -> Self {
        let events = std::mem::take(&mut self.events);
        self.events = events.into_iter().filter(|e| keep(&self, e)).collect();
        self
    }

    pub fn without(self, kind: Kind) -> Self {
        self.only(|s, e| s.kind(e) != kind)
    }

    /// The packets of that kind that there are, sent twice more.
    pub fn again(mut self, kind: Kind) -> Self {
        for again in 1..=2_u16 {
            let copies: Vec<_> = (self.events.iter())
                .filter(|e| self.kind(e) == kind && e.time < 900_000_000_000)
                .map(|e| PacketEvent {
                    time: e.time + 900_000_000_000 + u64::from(again) * 300_000_000,
                    ip_id: e.ip_id.wrapping_add(500 * again),
                    tsval: e.tsval.wrapping_add(300 * u32::from(again)),
                    ..*e
                })
                .collect();
            self.events.extend(copies);
        }
        for event in &mut self.events {
            event.time %= 900_000_000_000;
        }
        self.events.sort_by_key(|e| e.time);
        self
    }

    /// An ICMP error that quotes the SYN as it was at `quoted`, seen at `places`.
    pub fn icmp(mut self, quoted: &str, from: &str, code: u8, places: &[&str]) -> Self {
        let opening = (self.events.iter())
            .find(|e| self.place(e) == quoted)
            .copied()
            .unwrap_or_else(|| panic!("nothing at {quoted}"));
        let mut time = self.events.last().map_or(0, |e| e.time);
        for place in places {
            time += 5_000;
            let tap = self.resolve(place);
            let to = opening.tuple.source();
            let mut outer = Tuple::new(1, SocketAddr::new(address(from), 3), to);
            outer.dst_port = u16::from(code);
            self.events.push(PacketEvent {
                time,
                netns: tap.at.namespace,
                ifindex: tap.at.ifindex,
                direction: tap.way as u8,
                flags: PacketFlags::ICMP_ERROR,
                outer,
                tcp_flags: TcpFlags::empty(),
                vni: 0,
                mark: 0,
                ..opening
            });
        }
        self
    }

    /// The kernel drops a packet; by default the last event's.
    pub fn drop(mut self, place: &str, reason: &str, symbol: &str) -> Self {
        let event = *self.events.last().unwrap_or_else(|| panic!("no events"));
        let (source, destination) = (event.tuple.source(), event.tuple.destination());
        let at = self.resolve(&format!("{place} in")).at;
        let (netns, ifindex) = (at.namespace, at.ifindex);
        let namespace = self.namespace(netns);
        self.drops.push(PacketDrop {
            time: Mono::from_ns(event.time + 1_000),
            node: node(netns).to_owned(),
            netns,
            namespace,
            ifindex,
            device: place.split(' ').next_back().map(str::to_owned),
            reason: (!reason.is_empty()).then(|| format!("SKB_DROP_REASON_{reason}")),
            symbol: (!symbol.is_empty()).then(|| symbol.to_owned()),
            source,
            destination,
            skb: event.skb,
        });
        self
    }

    /// The kernel says that namespace sent the reset.
    pub fn reset_sent(mut self, place: &str, reason: &str) -> Self {
        let netns = self.resolve(&format!("{place} out")).at.namespace;
        let event = *self.events.last().unwrap_or_else(|| panic!("no events"));
        self.resets.push(ResetSent {
            time: Mono::of(&event),
            node: node(netns).to_owned(),
            netns,
            namespace: self.namespace(netns),
            source: event.tuple.source(),
            destination: event.tuple.destination(),
            reason: Some(format!("SK_RST_REASON_{reason}")),
        });
        self
    }

    /// The client resets, seen as far as `place`.
    pub fn client_resets(self) -> Self {
        let syn: Vec<_> = (self.events.iter())
            .filter(|e| self.kind(e) == Kind::Syn)
            .copied()
            .collect();
        self.with(|s| {
            let since = s.events.last().map_or(0, |e| e.time) + 50_000;
            let start = syn.first().map_or(0, |e| e.time);
            let isn = s.connection.isn;
            s.events.extend(syn.into_iter().map(|e| PacketEvent {
                time: since + (e.time - start),
                tcp_flags: TcpFlags::RST,
                seq: isn.wrapping_add(1),
                ip_id: e.ip_id.wrapping_add(9),
                flags: e.flags & !PacketFlags::TIMESTAMPS,
                tsval: 0,
                ..e
            }));
        })
    }

    pub fn place(&self, event: &PacketEvent) -> String {
        let letter = if event.netns < 200 { 'a' } else { 'b' };
        let topology = if event.netns < 200 { &self.a } else { &self.b };
        let way = event.direction().name();
        let Some(namespace) = topology.namespace(event.netns) else {
            return format!("{letter} {} {} {way}", event.netns, event.ifindex);
        };
        let device = namespace
            .devices
            .iter()
            .find(|d| d.ifindex == event.ifindex);
        let device = device.map_or("?", |d| d.name.as_str());
        match namespace.kind {
            NamespaceKind::Host => format!("{letter} {device} {way}"),
            _ => format!("{letter} {} {device} {way}", namespace.name),
        }
    }

    fn place_of(&self, tap: Tap) -> String {
        self.place(&PacketEvent {
            netns: tap.at.namespace,
            ifindex: tap.at.ifindex,
            direction: tap.way as u8,
            ..crate::synthetic::blank()
        })
    }

    pub fn resolve(&self, place: &str) -> Tap {
        let topology = if place.starts_with("a ") {
            &self.a
        } else {
            &self.b
        };
        for namespace in &topology.namespaces {
            for device in &namespace.devices {
                for way in [Direction::Ingress, Direction::Egress] {
                    let tap = Tap {
                        at: namespace.at(device),
                        way,
                    };
                    if self.place_of(tap) == place {
                        return tap;
                    }
                }
            }
        }
        panic!("no {place}")
    }

    fn namespace(&self, netns: u32) -> String {
        let known = self.a.namespace(netns).or_else(|| self.b.namespace(netns));
        known.map_or_else(|| netns.to_string(), |n| n.name.clone())
    }

    /// The one connection's timeline.
    pub fn timeline(&self) -> Timeline {
        let mut timelines = self.timelines();
        assert_eq!(timelines.len(), 1, "one connection");
        timelines.remove(0)
    }

    /// The timelines of whatever the events were taken for.
    pub fn timelines(&self) -> Vec<Timeline> {
        let at_a = || self.timelines_of(&self.a, |e| e.netns < 200);
        let at_b = || self.timelines_of(&self.b, |e| e.netns >= 200);
        match self.view {
            View::A => at_a(),
            View::B => at_b(),
            View::Both => join(at_a().into_iter().chain(at_b()).collect()).timelines,
        }
    }

    fn timelines_of(
        &self,
        topology: &Topology,
        mine: impl Fn(&PacketEvent) -> bool,
    ) -> Vec<Timeline> {
        let mut correlator = Correlator::new(&Options::default());
        if self.lost > 0 {
            correlator.record_lost(Lost {
                count: self.lost,
                by: Mono::MAX,
            });
        }
        for event in self.events.iter().filter(|e| mine(e)) {
            correlator.push(event);
        }
        let flows = correlator.finish();
        flows
            .iter()
            .map(|f| f.timeline(topology, Nanos::ZERO))
            .collect()
    }

    pub fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        let nodes: &[&Topology] = match self.view {
            View::A => &[&self.a],
            View::B => &[&self.b],
            View::Both => &[&self.a, &self.b],
        };
        for topology in nodes {
            let mut taps: std::collections::BTreeSet<Tap> = all_taps(topology).collect();
            if !self.untapped.is_empty() {
                taps.retain(|tap| !self.untapped.contains(&self.place_of(*tap)));
            }
            let lost = self.lost;
            let entry = NodeCoverage { taps, lost };
            coverage.nodes.insert(topology.hostname.clone(), entry);
        }
        coverage
    }

    pub fn verdicts(&self) -> Vec<Diagnosis> {
        let coverage = self.coverage();
        let others = match self.view {
            View::Both => std::slice::from_ref(&self.b),
            _ => &[],
        };
        let judged = |timeline: &Timeline| {
            verdicts(&Case {
                timeline,
                drops: &self.drops,
                resets: &self.resets,
                coverage: &coverage,
                topology: if self.view == View::B {
                    &self.b
                } else {
                    &self.a
                },
                others,
                task_state: self.task_state,
            })
        };
        self.timelines().iter().flat_map(judged).collect()
    }
}
