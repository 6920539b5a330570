//! Which packets are reported: the maps that user space fills, and the table of
//! flows that the programs keep themselves.
//!
//! Matching is by port and endpoint, see `swarmtrace_common::Settings`. What of
//! a matching flow is reported then depends on the mode. For TCP the table
//! holds the initial sequence number of each direction, which tells the first
//! data segment from the rest; taps share an entry as long as no NAT lies
//! between them. For datagrams it holds, a tap each, when the last one came.

#![expect(
    clippy::needless_borrows_for_generic_args,
    reason = "passed by value, a key would be copied to the stack"
)]

use crate::packet::{ESP, Parsed, SCTP, TCP, UDP};
use crate::{skb, words};
use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, HashMap, LruHashMap};
use aya_ebpf::programs::TcContext;
use swarmtrace_common::{
    Direction, Endpoint, FlowKey, FlowState, Mode, PortSet, Settings, endpoint_kinds, flags, tcp,
};

#[map]
static SETTINGS: Array<Settings> = Array::with_max_entries(1, 0);

#[map]
static PORTS: Array<PortSet> = Array::with_max_entries(1, 0);

#[map]
static ENDPOINTS: HashMap<Endpoint, u8> = HashMap::with_max_entries(65_536, 1);

#[map]
static FLOWS: LruHashMap<FlowKey, FlowState> = LruHashMap::with_max_entries(65_536, 0);

/// A datagram that follows this many nanoseconds without one is reported.
const IDLE: u64 = 1_000_000_000;

/// Room for the keys that are looked up: beyond what the stack holds.
#[repr(C, align(8))]
pub struct Keys {
    flow: FlowKey,
    endpoint: Endpoint,
}

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

    /// Whether packets without ports may be of interest.
    #[inline(always)]
    pub fn wants_portless(&self) -> bool {
        let kinds = endpoint_kinds::ANY_PORT | endpoint_kinds::ANY_PROTOCOL;
        self.settings.match_any != 0 || self.settings.endpoint_kinds & kinds != 0
    }

    /// Whether a packet with these ports may be of interest.
    #[inline(always)]
    pub fn ports_match(&self, src: u16, dst: u16) -> bool {
        self.wants_portless() || self.ports.contains(dst) || self.ports.contains(src)
    }

    /// Whether a packet belongs to a traced service.
    #[inline(always)]
    pub fn matches(&self, parsed: &Parsed, keys: &mut Keys) -> bool {
        if self.settings.match_any != 0 {
            return true;
        }
        let tuple = &parsed.tuple;
        let with_ports = matches!(tuple.protocol, TCP | UDP | SCTP);
        if with_ports
            && parsed.flags & flags::FRAGMENT == 0
            && !self.ports_match(tuple.src_port, tuple.dst_port)
        {
            return false;
        }
        let kinds = self.settings.endpoint_kinds;
        let (dst, src) = (Some(&tuple.dst), Some(&tuple.src));
        let (to, from, protocol) = (tuple.dst_port, tuple.src_port, tuple.protocol);
        let mut traced =
            |address, port, protocol| traced(&mut keys.endpoint, address, port, protocol);
        traced(dst, to, protocol)
            || traced(src, from, protocol)
            || kinds & endpoint_kinds::ANY_ADDRESS != 0
                && (traced(None, to, protocol) || traced(None, from, protocol))
            || kinds & endpoint_kinds::ANY_PORT != 0
                && (traced(dst, 0, protocol) || traced(src, 0, protocol))
            || kinds & endpoint_kinds::ANY_PROTOCOL != 0 && (traced(dst, 0, 0) || traced(src, 0, 0))
    }

    /// Whether a matching packet is one to report; marks the first data segment.
    #[inline(always)]
    pub fn reports(
        &self,
        ctx: &TcContext,
        direction: Direction,
        parsed: &mut Parsed,
        keys: &mut Keys,
    ) -> bool {
        let all = self.settings.mode == Mode::AllPackets as u8;
        let protocol = parsed.tuple.protocol;
        if parsed.flags & flags::ICMP_ERROR != 0 {
            return self.sampled_quote(parsed, &mut keys.flow);
        }
        if parsed.flags & flags::FRAGMENT != 0 {
            return all && self.sampled(u32::from(parsed.ip_id));
        }
        match protocol {
            TCP => self.reports_segment(parsed, &mut keys.flow, all),
            UDP | SCTP | ESP => {
                let tag = if protocol == ESP {
                    parsed.ack
                } else {
                    parsed.payload_tag
                };
                (all || after_idle(ctx, direction, parsed, &mut keys.flow)) && self.sampled(tag)
            }
            _ => all && self.sampled(u32::from(parsed.ip_id)),
        }
    }

    #[inline(always)]
    fn reports_segment(&self, parsed: &mut Parsed, key: &mut FlowKey, all: bool) -> bool {
        let kind = parsed.tcp_flags & (tcp::SYN | tcp::FIN | tcp::RST);
        if kind & (tcp::SYN | tcp::RST) == tcp::SYN {
            return self.opens(parsed, key);
        }
        // Only what carries data can be the first data, and only sampling has to
        // know the flow of a segment that does not.
        let sampling = self.settings.sample > 1;
        if !sampling && parsed.payload_length == 0 {
            return all || kind != 0;
        }
        let sampled = if let Some(flow) = flow(parsed, key) {
            if parsed.payload_length > 0 && parsed.seq == flow.isn.wrapping_add(1) {
                parsed.flags |= flags::FIRST_DATA;
            }
            self.sampled(flow.key)
        } else if !sampling {
            true
        } else if let Some(flow) = reversed_flow(parsed, key) {
            self.sampled(flow.key)
        } else {
            // The answer to a SYN that another tap has seen.
            kind & tcp::RST != 0 && parsed.seq == 0 && self.sampled(parsed.ack.wrapping_sub(1))
        };
        sampled && (all || kind != 0 || parsed.flags & flags::FIRST_DATA != 0)
    }

    /// A SYN or SYN-ACK: remembers its direction of the flow.
    #[inline(always)]
    fn opens(&self, parsed: &mut Parsed, key: &mut FlowKey) -> bool {
        let client = if parsed.tcp_flags & tcp::ACK == 0 {
            parsed.seq
        } else if let Some(flow) = reversed_flow(parsed, key) {
            // With data in the SYN (TCP Fast Open) `ack - 1` is not the client's
            // initial sequence number; the other direction's entry has it.
            flow.isn
        } else {
            parsed.ack.wrapping_sub(1)
        };
        words::copy(&parsed.tuple, &raw mut key.tuple);
        key.tap = 0;
        if !self.sampled(client) {
            let _ = FLOWS.remove(&*key);
            return false;
        }
        let state = FlowState {
            last: 0,
            isn: parsed.seq,
            key: client,
        };
        let _ = FLOWS.insert(&*key, state, 0);
        if parsed.payload_length > 0 {
            parsed.flags |= flags::FIRST_DATA;
        }
        true
    }

    /// Sampling for the packet that an ICMP error quotes.
    #[inline(always)]
    fn sampled_quote(&self, parsed: &Parsed, key: &mut FlowKey) -> bool {
        if self.settings.sample <= 1 {
            return true;
        }
        if parsed.tuple.protocol != TCP {
            return self.sampled(parsed.payload_tag);
        }
        // Not in the table: a SYN that another tap has seen, if anything.
        self.sampled(flow(parsed, key).map_or(parsed.seq, |flow| flow.key))
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
    match address {
        Some(address) => key.address = *address,
        None => words::map_none(&raw mut key.address),
    }
    key.port = port;
    key.protocol = protocol;
    key.padding = 0;
    ENDPOINTS.get_ptr(&*key).is_some()
}

#[inline(always)]
fn flow(parsed: &Parsed, key: &mut FlowKey) -> Option<&'static FlowState> {
    words::copy(&parsed.tuple, &raw mut key.tuple);
    key.tap = 0;
    // SAFETY: an entry may be reused for another flow while it is read; that can
    // only cost or add one event.
    unsafe { FLOWS.get(&*key) }
}

#[inline(always)]
fn reversed_flow(parsed: &Parsed, key: &mut FlowKey) -> Option<&'static FlowState> {
    let tuple = &parsed.tuple;
    key.tuple.src = tuple.dst;
    key.tuple.dst = tuple.src;
    key.tuple.src_port = tuple.dst_port;
    key.tuple.dst_port = tuple.src_port;
    key.tuple.protocol = tuple.protocol;
    // Its padding is 0 from the start, like all map memory.
    key.tap = 0;
    // SAFETY: as in `flow`.
    unsafe { FLOWS.get(&*key) }
}

/// Whether a datagram follows a pause at this tap; every datagram is noted, so
/// that taps along a path agree.
#[inline(always)]
fn after_idle(ctx: &TcContext, direction: Direction, parsed: &Parsed, key: &mut FlowKey) -> bool {
    words::copy(&parsed.tuple, &raw mut key.tuple);
    key.tap = skb::device(ctx) | direction as u64;
    // SAFETY: no arguments, no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    if let Some(state) = FLOWS.get_ptr_mut(&*key) {
        // SAFETY: map values live until the program returns; an aligned u64 is
        // written at once, and a race between two CPUs can only add one event.
        let last = unsafe { &mut (*state).last };
        let idle = now.wrapping_sub(*last) >= IDLE;
        *last = now;
        return idle;
    }
    let state = FlowState {
        last: now,
        isn: 0,
        key: 0,
    };
    let _ = FLOWS.insert(&*key, state, 0);
    true
}
