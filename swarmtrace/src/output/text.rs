//! A timeline for people.
//!
//! A headline says who reached whom and what became of it. Below it the SYN's
//! way in full, then its answer's; first data and the close are a line each.
//! A retransmission that got no further than the one before is a line too.
//! Last comes where the path ends, what the kernel says became of packets, and
//! what may be missing. It says that a packet was dropped only where the kernel
//! said so: otherwise it says where it was seen last.

mod fates;
mod words;

use super::paint::{Ink, Painter, duration, left, offset, right};
use crate::sys::clock::Nanos;
use crate::timeline::{Gap, Hop, Leg, Peer, Phase, Protocol, State, Timeline};
use std::fmt::Write;

/// What to show.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// Colours.
    pub painter: Painter,
    /// The answer's way back.
    pub reply: bool,
    /// First data, FIN and every retransmission hop by hop.
    pub all_packets: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            painter: Painter::default(),
            reply: true,
            all_packets: false,
        }
    }
}

/// The timeline as text, with a line break at its end.
pub fn timeline(timeline: &Timeline, options: &TextOptions) -> String {
    let page = Page {
        timeline,
        options,
        widths: Widths::of(timeline),
    };
    page.write()
}

/// The headline alone.
pub fn headline(timeline: &Timeline, painter: Painter) -> String {
    let (state, ink) = words::state(timeline);
    let mut parts = vec![painter.paint(Ink::Strong, &words::served_by(timeline))];
    let backend = timeline
        .backend
        .map_or(String::new(), |b| format!(" → {b}"));
    let entry = words::entry(timeline);
    parts.push(format!("{} → {entry}{backend}", timeline.client));
    if let Some(handshake) = timeline.handshake_ns {
        parts.push(format!("SYN→SYN-ACK {}", duration(handshake.unsigned())));
    }
    if let Some(first_byte) = timeline.first_byte_ns {
        let name = match timeline.protocol {
            Protocol::Tcp => "first byte",
            Protocol::Udp | Protocol::Sctp => "reply after",
        };
        parts.push(format!("{name} {}", duration(first_byte.unsigned())));
    }
    parts.push(painter.paint(ink, &state));
    parts.join(" · ")
}

struct Widths {
    offset: usize,
    node: usize,
    place: usize,
}

impl Widths {
    fn of(timeline: &Timeline) -> Self {
        let widest = |text: fn(&Hop) -> String| {
            let lengths = timeline.hops.iter().map(|h| text(h).chars().count());
            lengths.max().unwrap_or(0)
        };
        Self {
            offset: widest(|h| offset(h.offset_ns.get())).max(9),
            node: widest(|h| h.node.to_string()),
            place: widest(words::place),
        }
    }
}

struct Page<'a> {
    timeline: &'a Timeline,
    options: &'a TextOptions,
    widths: Widths,
}

impl Page<'_> {
    fn write(&self) -> String {
        let painter = self.options.painter;
        let mut text = headline(self.timeline, painter);
        text.push('\n');
        if let Some(from) = &self.timeline.came_from {
            self.note(&mut text, &format!("came from {}", peer(from)));
        }
        let mut furthest = 0;
        for packet in self.timeline.hops.chunk_by(crate::timeline::same_packet) {
            let Some(first) = packet.first() else {
                continue;
            };
            let opening = self.is_opening(first);
            let again = first.attempt > 1 && opening && packet.len() <= furthest;
            if first.leg == Leg::Forward && opening {
                furthest = furthest.max(packet.len());
            }
            let failure = matches!(first.phase, Phase::Rst | Phase::IcmpError);
            if first.leg == Leg::Reply && !self.options.reply && !failure {
                continue;
            }
            if self.options.all_packets || ((opening || failure) && !again) {
                self.packet(&mut text, packet);
            } else {
                self.summary(&mut text, packet);
            }
        }
        self.ending(&mut text);
        text
    }

    /// Whether the packet is one whose way is shown in full.
    fn is_opening(&self, hop: &Hop) -> bool {
        match hop.phase {
            Phase::Syn | Phase::SynAck => true,
            Phase::Request | Phase::Response => self.timeline.protocol == Protocol::Udp,
            _ => false,
        }
    }

    fn packet(&self, text: &mut String, packet: &[Hop]) {
        let mut before: Option<&Hop> = None;
        for hop in packet {
            let mut what = Vec::new();
            if before.is_none() {
                let addresses = format!("{} → {}", hop.source, hop.destination);
                let name = words::packet(hop, self.timeline.protocol);
                what.push(format!(
                    "{addresses}  {}",
                    self.options.painter.paint(Ink::Strong, &name)
                ));
            }
            let changed = words::changes(hop);
            if !changed.is_empty() {
                what.push(changed);
            }
            if before.is_none_or(|b| b.node != hop.node) {
                match hop.uncertainty_ns {
                    Some(Nanos::ZERO) => {}
                    Some(bound) => what.push(format!("±{}", duration(bound.unsigned()))),
                    None => what.push("clock offset unknown".to_owned()),
                }
            }
            if let Some(proof) = words::proof(hop) {
                what.push(self.options.painter.paint(Ink::Faint, proof));
            }
            self.line(text, hop, &what.join("  "));
            before = Some(hop);
        }
    }

    /// A packet in one line: its first hop's time, how far it got.
    fn summary(&self, text: &mut String, packet: &[Hop]) {
        let (Some(first), Some(last)) = (packet.first(), packet.last()) else {
            return;
        };
        let name = words::packet(first, self.timeline.protocol);
        let way = if packet.len() > 1 {
            let took = (last.offset_ns - first.offset_ns).abs().unsigned();
            let hops = packet.len();
            format!(
                "{name}, {hops} hops in {} to {}",
                duration(took),
                words::at(last, first)
            )
        } else {
            format!("{name}, seen here alone")
        };
        self.line(text, first, &self.options.painter.paint(Ink::Faint, &way));
    }

    fn line(&self, text: &mut String, hop: &Hop, what: &str) {
        let widths = &self.widths;
        let line = format!(
            "  {}  {}  {}  {}  {what}",
            right(&offset(hop.offset_ns.get()), widths.offset),
            left(&hop.node, widths.node),
            left(&words::place(hop), widths.place),
            left(words::way(hop.way), 3),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }

    fn note(&self, text: &mut String, note: &str) {
        let _ = writeln!(text, "  {}", self.options.painter.paint(Ink::Warning, note));
    }

    fn ending(&self, text: &mut String) {
        let timeline = self.timeline;
        let hop = |index: usize| timeline.hops.get(index);
        if let Some(to) = &timeline.left_for {
            self.note(text, &format!("left for {}", peer(to)));
        }
        match &timeline.state {
            State::Unanswered => {
                if let Some(last) = timeline.reached.and_then(hop) {
                    let next = if timeline.left_for.is_some() {
                        "no answer came back"
                    } else if last.place == crate::timeline::Place::Container {
                        "no answer left it"
                    } else {
                        "no next hop seen"
                    };
                    self.note(
                        text,
                        &format!("got as far as {}: {next}", words::full(last)),
                    );
                }
            }
            State::AnswerLost { last } => {
                if let Some(last) = hop(*last) {
                    let at = words::full(last);
                    self.note(
                        text,
                        &format!("the answer got as far as {at}: no next hop seen"),
                    );
                }
            }
            State::Refused { by } | State::Reset { by, .. } => {
                if let Some(first) = hop(*by) {
                    self.note(
                        text,
                        &format!("the reset was first seen at {}", words::full(first)),
                    );
                }
            }
            State::IcmpError { by, .. } => {
                if let Some(first) = hop(*by) {
                    self.note(
                        text,
                        &format!("the error was first seen at {}", words::full(first)),
                    );
                }
            }
            State::Established | State::Closed => {}
        }
        for line in fates::lines(timeline) {
            self.note(text, &line);
        }
        for gap in &timeline.gaps {
            let note = match gap {
                Gap::EventsLost { count } => {
                    format!("{count} events were lost meanwhile: hops may be missing")
                }
                Gap::StartNotSeen => "its beginning was not seen".to_owned(),
                Gap::Omitted { count } => format!("{count} more sightings are left out"),
                Gap::OtherNodeMissing => "the other node's timeline is missing".to_owned(),
            };
            self.note(text, &note);
        }
        if timeline.flooded > 0 {
            let note = match timeline.flooded {
                1 => "1 sighting of a copy that a bridge flooded is left out".to_owned(),
                n => format!("{n} sightings of copies that a bridge flooded are left out"),
            };
            let _ = writeln!(text, "  {}", self.options.painter.paint(Ink::Faint, &note));
        }
        for clock in timeline
            .clocks
            .iter()
            .filter(|c| c.offset_ns != Nanos::ZERO || c.bound_ns.is_some())
        {
            let note = match clock.bound_ns {
                Some(bound) => format!(
                    "{}'s clock is {} off {}'s, ±{} ({} exchanges)",
                    clock.node,
                    offset(clock.offset_ns.get()),
                    timeline.nodes.first().map_or("", String::as_str),
                    duration(bound.unsigned()),
                    clock.samples,
                ),
                None => format!(
                    "{}'s clock offset is unknown: only the order holds",
                    clock.node
                ),
            };
            let _ = writeln!(text, "  {}", self.options.painter.paint(Ink::Faint, &note));
        }
    }
}

fn peer(peer: &Peer) -> String {
    match &peer.node {
        Some(node) => format!("{node} ({}) by VXLAN {}", peer.vtep, peer.vni),
        None => format!("{} by VXLAN {}", peer.vtep, peer.vni),
    }
}
