//! Which packets are reported: the maps that user space fills.
//!
//! Matching is by port and endpoint, see `swarmtrace_common::Settings`. What of
//! a matching flow is reported then depends on the mode, and on what `flows`
//! remembers of it.

use crate::flows::{FlowKey, Opening};
use crate::headers::protocol::{ESP, SCTP, TCP, UDP};
use crate::parsed::Parsed;
use crate::{skb, volatile};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap};
use aya_ebpf::programs::TcContext;
use swarmtrace_common::{
    Direction, Endpoint, EndpointKinds, Mode, PacketFlags, PortSet, Settings, TcpFlags, Tuple,
};

#[map]
static SETTINGS: Array<Settings> = Array::with_max_entries(1, 0);

#[map]
static PORTS: Array<PortSet> = Array::with_max_entries(1, 0);

#[map]
static ENDPOINTS: HashMap<Endpoint, u8> = HashMap::with_max_entries(65_536, 1);

/// A datagram that follows this many nanoseconds without one is reported.
const IDLE: u64 = 1_000_000_000;

/// The filter as user space last set it.
pub struct Filter {
    pub settings: &'static Settings,
    ports: &'static PortSet,
}

impl Filter {
    /// Looks the maps up; always there.
    #[inline(always)]
    pub fn get() -> Option<Self> {
        Some(Self {
            settings: SETTINGS.get(0)?,
            ports: PORTS.get(0)?,
        })
    }

    /// The mode, read anew: what is remembered of it from one place to the next is
    /// one more thing in which the verifier's paths differ.
    #[inline(always)]
    pub fn mode(&self) -> Mode {
        // SAFETY: part of a map's entry, which lives while the program runs.
        unsafe { core::ptr::read_volatile(&raw const self.settings.mode) }
    }

    /// Whether packets without ports may be of interest.
    #[inline(always)]
    pub fn wants_portless(&self) -> bool {
        let kinds = EndpointKinds::ANY_PORT | EndpointKinds::ANY_PROTOCOL;
        self.settings.match_any != 0 || self.settings.endpoint_kinds.intersects(kinds)
    }

    /// Whether a packet with these ports may be of interest.
    #[inline(always)]
    pub fn ports_match(&self, src: u16, dst: u16) -> bool {
        self.wants_portless() || self.ports.contains(dst) || self.ports.contains(src)
    }

    /// Whether a packet has an address and port of a traced service.
    #[inline(always)]
    pub fn matches(&self, parsed: &Parsed, key: &mut Endpoint) -> bool {
        self.matches_tuple(
            &parsed.tuple,
            !parsed.flags.intersects(PacketFlags::FRAGMENT),
            key,
        )
    }

    /// Whether addresses and ports are those of a traced service. `whole` is false for
    /// a fragment, which has no ports.
    #[inline(always)]
    pub fn matches_tuple(&self, tuple: &Tuple, whole: bool, key: &mut Endpoint) -> bool {
        if self.settings.match_any != 0 {
            return true;
        }
        let with_ports = matches!(tuple.protocol, TCP | UDP | SCTP);
        if with_ports && whole && !self.ports_match(tuple.src_port, tuple.dst_port) {
            return false;
        }
        let kinds = self.settings.endpoint_kinds;
        let (dst, src) = (Some(&tuple.dst), Some(&tuple.src));
        let (to, from, protocol) = (tuple.dst_port, tuple.src_port, tuple.protocol);
        let mut traced = |address, port, protocol| traced(key, address, port, protocol);
        traced(dst, to, protocol)
            || traced(src, from, protocol)
            || kinds.intersects(EndpointKinds::ANY_ADDRESS)
                && (traced(None, to, protocol) || traced(None, from, protocol))
            || kinds.intersects(EndpointKinds::ANY_PORT)
                && (traced(dst, 0, protocol) || traced(src, 0, protocol))
            || kinds.intersects(EndpointKinds::ANY_PROTOCOL)
                && (traced(dst, 0, 0) || traced(src, 0, 0))
    }

    /// Whether the mode rejects a packet, whatever its addresses are. A branch that ends
    /// here costs the verifier less than one that goes on with what it knows.
    #[inline(always)]
    pub fn excludes(&self, parsed: &Parsed) -> bool {
        self.mode() == Mode::Handshakes
            && !parsed.flags.intersects(PacketFlags::ICMP_ERROR)
            && (parsed.tuple.protocol != TCP
                || !parsed.tcp_flags.intersects(TcpFlags::SYN | TcpFlags::RST))
    }

    /// Whether a matching packet is one to report; marks the first data segment.
    #[inline(always)]
    pub fn reports(&self, ctx: &TcContext, direction: Direction, parsed: &mut Parsed) -> bool {
        let all = self.settings.mode == Mode::AllPackets;
        let protocol = parsed.tuple.protocol;
        if parsed.flags.intersects(PacketFlags::ICMP_ERROR) {
            return self.sampled_quote(parsed);
        }
        if parsed.flags.intersects(PacketFlags::FRAGMENT) {
            return all && self.sampled(u32::from(parsed.ip_id));
        }
        match protocol {
            TCP => self.reports_segment(parsed, all),
            UDP | SCTP | ESP => {
                let tag = if protocol == ESP {
                    parsed.ack
                } else {
                    parsed.payload_tag
                };
                (all || after_idle(ctx, direction, parsed)) && self.sampled(tag)
            }
            _ => all && self.sampled(u32::from(parsed.ip_id)),
        }
    }

    #[inline(always)]
    fn reports_segment(&self, parsed: &mut Parsed, all: bool) -> bool {
        let kind = parsed.tcp_flags & (TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
        if kind & (TcpFlags::SYN | TcpFlags::RST) == TcpFlags::SYN {
            return self.opens(parsed);
        }
        // Only what carries data can be the first data, and only sampling has to
        // know the flow of a segment that does not.
        let sampling = self.settings.sample > 1;
        if !sampling && parsed.payload_length == 0 {
            return all || !kind.is_empty();
        }
        let sampled = if let Some(flow) = FlowKey::of(&parsed.tuple, 0).opening() {
            if parsed.payload_length > 0 && parsed.seq == flow.isn.wrapping_add(1) {
                parsed.flags |= PacketFlags::FIRST_DATA;
            }
            self.sampled(flow.client)
        } else if !sampling {
            true
        } else if let Some(flow) = FlowKey::of_answer(&parsed.tuple, 0).opening() {
            self.sampled(flow.client)
        } else {
            // The answer to a SYN that another tap has seen.
            kind.intersects(TcpFlags::RST)
                && parsed.seq == 0
                && self.sampled(parsed.ack.wrapping_sub(1))
        };
        sampled && (all || !kind.is_empty() || parsed.flags.intersects(PacketFlags::FIRST_DATA))
    }

    /// A SYN or SYN-ACK: remembers its direction of the flow.
    #[inline(always)]
    fn opens(&self, parsed: &mut Parsed) -> bool {
        let client = if !parsed.tcp_flags.intersects(TcpFlags::ACK) {
            parsed.seq
        } else if let Some(flow) = FlowKey::of_answer(&parsed.tuple, 0).opening() {
            // With data in the SYN (TCP Fast Open) `ack - 1` is not the client's
            // initial sequence number; the other direction's entry has it.
            flow.isn
        } else {
            parsed.ack.wrapping_sub(1)
        };
        let key = FlowKey::of(&parsed.tuple, 0);
        if !self.sampled(client) {
            key.forget();
            return false;
        }
        let isn = parsed.seq;
        key.open(Opening { isn, client });
        if parsed.payload_length > 0 {
            parsed.flags |= PacketFlags::FIRST_DATA;
        }
        true
    }

    /// Sampling for the packet that an ICMP error quotes.
    #[inline(always)]
    fn sampled_quote(&self, parsed: &Parsed) -> bool {
        if self.settings.sample <= 1 {
            return true;
        }
        if parsed.tuple.protocol != TCP {
            return self.sampled(parsed.payload_tag);
        }
        // Not in the table: a SYN that another tap has seen, if anything.
        let flow = FlowKey::of(&parsed.tuple, 0).opening();
        self.sampled(flow.map_or(parsed.seq, |flow| flow.client))
    }

    /// Whether a packet may be of a flow in the sample, by what is remembered of
    /// it; nothing is remembered anew.
    #[inline(always)]
    pub fn may_be_sampled(&self, parsed: &Parsed) -> bool {
        if self.settings.sample <= 1 || parsed.tuple.protocol != TCP {
            return true;
        }
        if parsed.tcp_flags & (TcpFlags::SYN | TcpFlags::ACK) == TcpFlags::SYN {
            return self.sampled(parsed.seq);
        }
        let known = FlowKey::of(&parsed.tuple, 0).opening();
        let known = known.or_else(|| FlowKey::of_answer(&parsed.tuple, 0).opening());
        known.is_none_or(|flow| self.sampled(flow.client))
    }

    /// Whether the flow with this number is one of the sample.
    #[inline(always)]
    fn sampled(&self, number: u32) -> bool {
        let one_in = self.settings.sample;
        // The upper bits of the product depend on all bits of the number.
        one_in <= 1 || (number.wrapping_mul(0x9e37_79b1) >> 8).is_multiple_of(one_in)
    }
}

/// Whether an endpoint is in the map; no address stands for the unspecified one.
#[inline(always)]
fn traced(key: &mut Endpoint, address: Option<&[u8; 16]>, port: u16, protocol: u8) -> bool {
    volatile::endpoint(key, address, port, protocol);
    #[expect(
        clippy::needless_borrows_for_generic_args,
        reason = "passed by value, the key would be copied to the stack"
    )]
    ENDPOINTS.get_ptr(&*key).is_some()
}

/// Whether a datagram follows a pause at this tap; every datagram is recorded,
/// so that taps along a path agree.
#[inline(always)]
fn after_idle(ctx: &TcContext, direction: Direction, parsed: &Parsed) -> bool {
    let tap = skb::device(ctx) | direction as u64;
    // SAFETY: no arguments, no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    let before = FlowKey::of(&parsed.tuple, tap).record_datagram(now);
    before.is_none_or(|before| now.wrapping_sub(before) >= IDLE)
}
