//! A timeline for people.
//!
//! The headline has client, service, backend, times and state. Below it the SYN's
//! path hop by hop, then its answer's; first data and the close are a line each,
//! and so is a retransmission that got no further than the one before. At the end
//! come the place where the path ends, drops and resets that the kernel reported,
//! and gaps. A packet is called dropped only where the kernel reported the drop;
//! otherwise the text names the place where it was last seen.

use super::{fates, words};
use crate::output::columns::{left, right, width};
use crate::output::style::{FAINT, HEADING, NOTE, paint};
use crate::output::units::{duration, offset};
use crate::sys::clock::Nanos;
use crate::timeline::{Gap, Hop, Leg, Peer, Phase, Protocol, State, Timeline};
use std::fmt::Write;

/// What to show of a timeline.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The hops of the reply leg.
    pub reply: bool,
    /// First data, FIN and every retransmission hop by hop.
    pub all_packets: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reply: true,
            all_packets: false,
        }
    }
}

/// The page, with a line break at its end.
pub fn render(timeline: &Timeline, options: &Options) -> String {
    let page = Page {
        timeline,
        options,
        widths: Widths::of(timeline),
    };
    page.write()
}

/// The headline alone.
pub fn headline(timeline: &Timeline) -> String {
    let (state, style) = words::state(timeline);
    let mut parts = vec![paint(HEADING, words::served_by(timeline))];
    let backend = timeline
        .backend
        .map_or(String::new(), |b| format!(" → {b}"));
    let entry = words::entry(timeline);
    parts.push(format!("{} → {entry}{backend}", timeline.client));
    if let Some(handshake) = timeline.handshake_ns {
        parts.push(format!("SYN→SYN-ACK {}", duration(handshake)));
    }
    if let Some(first_byte) = timeline.first_byte_ns {
        let name = match timeline.protocol {
            Protocol::Tcp => "first byte",
            Protocol::Udp | Protocol::Sctp => "reply after",
        };
        parts.push(format!("{name} {}", duration(first_byte)));
    }
    parts.push(paint(style, &state));
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
            let lengths = timeline.hops.iter().map(|h| width(&text(h)));
            lengths.max().unwrap_or(0)
        };
        Self {
            offset: widest(|h| offset(h.offset_ns)).max(9),
            node: widest(|h| h.node.to_string()),
            place: widest(words::place),
        }
    }
}

struct Page<'a> {
    timeline: &'a Timeline,
    options: &'a Options,
    widths: Widths,
}

impl Page<'_> {
    fn write(&self) -> String {
        let mut text = headline(self.timeline);
        text.push('\n');
        if let Some(from) = &self.timeline.came_from {
            write_note(&mut text, &format!("came from {}", peer(from)));
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

    /// Whether the packet's path is shown hop by hop.
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
                what.push(format!("{addresses}  {}", paint(HEADING, &name)));
            }
            let changed = words::changes(hop);
            if !changed.is_empty() {
                what.push(changed);
            }
            if before.is_none_or(|b| b.node != hop.node) {
                match hop.uncertainty_ns {
                    Some(Nanos::ZERO) => {}
                    Some(bound) => what.push(format!("±{}", duration(bound))),
                    None => what.push("clock offset unknown".to_owned()),
                }
            }
            if let Some(proof) = words::proof(hop) {
                what.push(paint(FAINT, proof));
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
            let took = (last.offset_ns - first.offset_ns).abs();
            let hops = packet.len();
            format!(
                "{name}, {hops} hops in {} to {}",
                duration(took),
                words::at(last, first)
            )
        } else {
            format!("{name}, seen here alone")
        };
        self.line(text, first, &paint(FAINT, &way));
    }

    fn line(&self, text: &mut String, hop: &Hop, what: &str) {
        let widths = &self.widths;
        let line = format!(
            "  {}  {}  {}  {}  {what}",
            right(&offset(hop.offset_ns), widths.offset),
            left(&hop.node, widths.node),
            left(&words::place(hop), widths.place),
            left(hop.way.name(), 3),
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }

    fn ending(&self, text: &mut String) {
        let timeline = self.timeline;
        let hop = |index: usize| timeline.hops.get(index);
        if let Some(to) = &timeline.left_for {
            write_note(text, &format!("left for {}", peer(to)));
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
                    write_note(
                        text,
                        &format!("got as far as {}: {next}", words::full(last)),
                    );
                }
            }
            State::AnswerLost { last } => {
                if let Some(last) = hop(*last) {
                    let at = words::full(last);
                    write_note(
                        text,
                        &format!("the answer got as far as {at}: no next hop seen"),
                    );
                }
            }
            State::Refused { by } | State::Reset { by, .. } => {
                if let Some(first) = hop(*by) {
                    write_note(
                        text,
                        &format!("the reset was first seen at {}", words::full(first)),
                    );
                }
            }
            State::IcmpError { by, .. } => {
                if let Some(first) = hop(*by) {
                    write_note(
                        text,
                        &format!("the error was first seen at {}", words::full(first)),
                    );
                }
            }
            State::Established | State::Closed => {}
        }
        for line in fates::lines(timeline) {
            write_note(text, &line);
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
            write_note(text, &note);
        }
        if timeline.flooded > 0 {
            let note = match timeline.flooded {
                1 => "1 sighting of a copy that a bridge flooded is left out".to_owned(),
                n => format!("{n} sightings of copies that a bridge flooded are left out"),
            };
            let _ = writeln!(text, "  {}", paint(FAINT, &note));
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
                    offset(clock.offset_ns),
                    timeline.nodes.first().map_or("", String::as_str),
                    duration(bound),
                    clock.samples,
                ),
                None => format!(
                    "{}'s clock offset is unknown: only the order holds",
                    clock.node
                ),
            };
            let _ = writeln!(text, "  {}", paint(FAINT, &note));
        }
    }
}

fn peer(peer: &Peer) -> String {
    match &peer.node {
        Some(node) => format!("{node} ({}) by VXLAN {}", peer.vtep, peer.vni),
        None => format!("{} by VXLAN {}", peer.vtep, peer.vni),
    }
}

fn write_note(text: &mut String, note: &str) {
    let _ = writeln!(text, "  {}", paint(NOTE, note));
}
