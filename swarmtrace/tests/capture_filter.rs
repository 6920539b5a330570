//! What is reported and what is not: filter, transitions, sampling, loss. Frames
//! go through `BPF_PROG_TEST_RUN`. Needs root.

#![allow(
    clippy::unwrap_used,
    reason = "clippy only knows functions marked as tests"
)]

mod support;

use needs::{Need, needs};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use support::frames::*;
use support::{Bench, everything};
use swarmtrace_common::{Endpoint, Mode, PacketFlags, PortSet, Settings, TcpFlags};

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVER: [u8; 4] = [10, 0, 0, 6];
const OTHER: [u8; 4] = [10, 0, 0, 7];

fn transitions() -> Settings {
    Settings {
        vxlan_port: 4789,
        ..Settings::default()
    }
}

fn endpoint(address: [u8; 4], port: u16, protocol: u8) -> Endpoint {
    Endpoint::new(IpAddr::from(address), port, protocol)
}

/// Traces TCP port 80 and UDP port 53 of SERVER.
fn traced(settings: Settings) -> Bench {
    let mut bench = Bench::new(settings);
    bench
        .capture
        .set_ports(&PortSet::from_iter([80, 53]))
        .unwrap();
    let endpoints = BTreeSet::from([endpoint(SERVER, 80, 6), endpoint(SERVER, 53, 17)]);
    bench.capture.set_endpoints(&endpoints).unwrap();
    bench
}

fn to(server: [u8; 4], segment: &Tcp) -> Vec<u8> {
    v4(CLIENT, server).frame(6, &segment.bytes())
}

fn from(server: [u8; 4], segment: &Tcp) -> Vec<u8> {
    v4(server, CLIENT).frame(6, &segment.bytes())
}

#[test]
fn only_the_traced_service_matches() {
    needs!(Root, Btf);
    let mut bench = traced(transitions());
    let syn = |port| tcp(5000, port, TcpFlags::SYN, 1, 0);
    assert!(bench.input(&to(SERVER, &syn(80))).is_some());
    assert!(bench.input(&to(SERVER, &syn(81))).is_none(), "another port");
    assert!(
        bench.input(&to(OTHER, &syn(80))).is_none(),
        "another address"
    );
    assert!(
        bench.input(&to(SERVER, &syn(53))).is_none(),
        "another protocol"
    );
    let reply = tcp(80, 5000, TcpFlags::SYN | TcpFlags::ACK, 9, 2);
    assert!(bench.input(&from(SERVER, &reply)).is_some());
    let inner = to(SERVER, &syn(80));
    let node = v4([1, 1, 1, 1], [2, 2, 2, 2]);
    assert!(
        bench
            .input(&node.frame(17, &vxlan(4789, 1, &inner)))
            .is_some()
    );
    let inner = to(OTHER, &syn(80));
    assert!(
        bench
            .input(&node.frame(17, &vxlan(4789, 1, &inner)))
            .is_none()
    );
    let counters = bench.capture.counters().unwrap();
    assert_eq!(
        (counters.seen(), counters.matched(), counters.reported()),
        (7, 3, 3)
    );

    // Endpoints and ports change while the programs run.
    let moved = BTreeSet::from([endpoint(OTHER, 81, 6), endpoint(SERVER, 53, 17)]);
    bench.capture.set_endpoints(&moved).unwrap();
    assert!(bench.input(&to(OTHER, &syn(81))).is_none());
    bench.capture.set_ports(&PortSet::from_iter([81])).unwrap();
    assert!(bench.input(&to(OTHER, &syn(81))).is_some());
    assert!(bench.input(&to(SERVER, &syn(80))).is_none());
    bench.capture.set_endpoints(&BTreeSet::new()).unwrap();
    assert!(bench.input(&to(OTHER, &syn(81))).is_none());
}

#[test]
fn handshakes_and_resets_alone() {
    needs!(Root, Btf);
    let mut bench = Bench::new(Settings {
        mode: Mode::Handshakes,
        match_any: 1,
        ..transitions()
    });
    let node = v4([1, 1, 1, 1], [2, 2, 2, 2]);
    let tunnelled = |frame: &[u8]| node.frame(17, &vxlan(4789, 1, frame));
    let v6_frame = |segment: &Tcp| v6(1, 2).frame(6, &segment.bytes());
    let reported = [
        TcpFlags::SYN,
        TcpFlags::SYN | TcpFlags::ACK,
        TcpFlags::RST,
        TcpFlags::RST | TcpFlags::ACK,
    ];
    for flags in reported {
        let segment = tcp(5000, 80, flags, 7, 9);
        let frame = to(SERVER, &segment);
        for frame in [tunnelled(&frame), frame, v6_frame(&segment)] {
            let event = bench.input(&frame).expect("a handshake or a reset");
            assert_eq!((event.tcp_flags, event.seq, event.ack), (flags, 7, 9));
        }
    }
    let quoted = v4(CLIENT, SERVER).packet(6, &tcp(5000, 80, TcpFlags::SYN, 7, 0).bytes());
    let error = v4([10, 0, 0, 98], CLIENT).frame(1, &icmp(3, 1, &quoted));
    assert!(
        bench
            .input(&error)
            .is_some_and(|e| e.has(PacketFlags::ICMP_ERROR))
    );
    // A reset that carries data is one all the same.
    let last_words = tcp(80, 5000, TcpFlags::RST | TcpFlags::ACK, 7, 9).data(b"no socket");
    assert!(bench.input(&from(SERVER, &last_words)).is_some());

    let matched = bench.capture.counters().unwrap().matched();
    let closes = tcp(5000, 80, TcpFlags::FIN | TcpFlags::ACK, 7, 9);
    let speaks = tcp(5000, 80, TcpFlags::ACK, 8, 9).data(b"GET /");
    for segment in [closes, speaks, tcp(5000, 80, TcpFlags::ACK, 8, 9)] {
        let frame = to(SERVER, &segment);
        for frame in [tunnelled(&frame), frame, v6_frame(&segment)] {
            assert!(bench.input(&frame).is_none(), "{segment:?}");
        }
    }
    for frame in [
        v4(CLIENT, SERVER).frame(17, &udp(5000, 53, b"hello")),
        v4(CLIENT, SERVER).frame(50, &[0, 0, 0, 1, 0, 0, 0, 2]),
    ] {
        assert!(bench.input(&frame).is_none());
    }
    let counters = bench.capture.counters().unwrap();
    assert_eq!(counters.matched(), matched, "turned away at the first look");
}

#[test]
fn endpoints_with_wildcards() {
    needs!(Root, Btf);
    let mut bench = Bench::new(transitions());
    let syn = to(SERVER, &tcp(5000, 4321, TcpFlags::SYN, 1, 0));
    let esp = v4(CLIENT, SERVER).frame(50, &[0, 0, 0, 1, 0, 0, 0, 2]);
    let mut with = |endpoints: &[Endpoint], ports: &[u16]| {
        let endpoints = endpoints.iter().copied().collect();
        bench.capture.set_endpoints(&endpoints).unwrap();
        bench
            .capture
            .set_ports(&ports.iter().copied().collect())
            .unwrap();
        (bench.input(&syn).is_some(), bench.input(&esp).is_some())
    };
    assert_eq!(with(&[], &[4321]), (false, false));
    assert_eq!(with(&[endpoint([0; 4], 4321, 6)], &[4321]), (true, false));
    assert_eq!(with(&[endpoint([0; 4], 4321, 6)], &[]), (false, false));
    assert_eq!(with(&[endpoint(SERVER, 0, 6)], &[]), (true, false));
    assert_eq!(with(&[endpoint(SERVER, 0, 50)], &[]), (false, true));
    // ESP was seen a moment ago: no pause before it.
    assert_eq!(with(&[endpoint(CLIENT, 0, 0)], &[]), (true, false));
    assert_eq!(with(&[endpoint(OTHER, 0, 0)], &[]), (false, false));
}

#[test]
fn a_connection_s_transitions() {
    needs!(Root, Btf);
    let mut bench = traced(transitions());
    let mut out = |server_speaks: bool, segment: Tcp| {
        let frame = if server_speaks {
            from(SERVER, &segment)
        } else {
            to(SERVER, &segment)
        };
        bench
            .input(&frame)
            .map(|event| event.has(PacketFlags::FIRST_DATA))
    };
    let client = |flags, seq, ack| tcp(5000, 80, flags, seq, ack);
    let server = |flags, seq, ack| tcp(80, 5000, flags, seq, ack);
    const PUSH: TcpFlags = TcpFlags::PSH.union(TcpFlags::ACK);
    assert_eq!(out(false, client(TcpFlags::SYN, u32::MAX, 0)), Some(false));
    assert_eq!(
        out(false, client(TcpFlags::SYN, u32::MAX, 0)),
        Some(false),
        "again"
    );
    assert_eq!(
        out(true, server(TcpFlags::SYN | TcpFlags::ACK, 700, 0)),
        Some(false)
    );
    assert_eq!(out(false, client(TcpFlags::ACK, 0, 701)), None);
    assert_eq!(out(false, client(PUSH, 0, 701).data(b"GET /")), Some(true));
    assert_eq!(
        out(false, client(PUSH, 0, 701).data(b"GET /")),
        Some(true),
        "again"
    );
    assert_eq!(out(false, client(PUSH, 5, 701).data(b"more")), None);
    assert_eq!(out(true, server(PUSH, 701, 5).data(b"200 OK")), Some(true));
    assert_eq!(out(true, server(PUSH, 707, 5).data(b"more")), None);
    assert_eq!(out(true, server(TcpFlags::ACK, 711, 9)), None);
    assert_eq!(
        out(true, server(TcpFlags::FIN | TcpFlags::ACK, 711, 9)),
        Some(false)
    );
    assert_eq!(out(false, client(TcpFlags::RST, 9, 0)), Some(false));
    // Data of a connection whose beginning was not seen.
    assert_eq!(out(false, tcp(5001, 80, PUSH, 1, 1).data(b"x")), None);
    // Data in the SYN (TCP Fast Open), data with the FIN.
    let fast = tcp(5002, 80, TcpFlags::SYN, 40, 0).data(b"GET /");
    assert_eq!(out(false, fast), Some(true));
    let answer = tcp(80, 5002, TcpFlags::SYN | TcpFlags::ACK, 90, 46);
    assert_eq!(out(true, answer), Some(false));
    let last = tcp(80, 5002, TcpFlags::FIN | PUSH, 91, 46).data(b"200");
    assert_eq!(out(true, last), Some(true));
}

#[test]
fn all_packets_of_the_service_and_icmp_errors_always() {
    needs!(Root, Btf);
    let mut bench = traced(Settings {
        mode: Mode::AllPackets,
        ..transitions()
    });
    let ack = tcp(5000, 80, TcpFlags::ACK, 1, 1);
    assert!(bench.input(&to(SERVER, &ack)).is_some());
    assert!(bench.input(&to(OTHER, &ack)).is_none());
    bench.capture.set_settings(transitions()).unwrap();
    assert!(bench.input(&to(SERVER, &ack)).is_none());
    let router = v4([10, 9, 9, 9], CLIENT);
    for (server, reported) in [(SERVER, true), (OTHER, false)] {
        let quoted = v4(CLIENT, server).packet(6, &ack.bytes());
        let frame = router.frame(1, &icmp(3, 4, &quoted));
        assert_eq!(bench.input(&frame).is_some(), reported);
        assert_eq!(bench.input(&frame).is_some(), reported, "every one");
    }
}

#[test]
fn datagrams_after_a_pause_at_each_tap() {
    needs!(Root, Btf);
    let mut bench = traced(transitions());
    let frame = |port| v4(CLIENT, SERVER).frame(17, &udp(port, 53, b"question"));
    let (one, two) = (frame(1000), frame(1001));
    assert!(bench.input(&one).is_some());
    assert!(bench.input(&one).is_none());
    assert!(bench.input(&two).is_some(), "another tuple");
    assert!(bench.run("swarmtrace_out", &one).is_some(), "another tap");
    // Never a second without one: 1.2 s after the first there is none to report.
    std::thread::sleep(Duration::from_millis(600));
    assert!(bench.input(&one).is_none());
    std::thread::sleep(Duration::from_millis(600));
    assert!(bench.input(&one).is_none());
    assert!(bench.input(&two).is_some());
}

#[test]
fn a_sample_is_the_same_through_nat() {
    needs!(Root, Btf);
    let settings = Settings {
        sample: 4,
        match_any: 1,
        mode: Mode::AllPackets,
        ..transitions()
    };
    let mut bench = Bench::new(settings);
    let mut chosen = 0;
    for flow in 0..400_u32 {
        let isn = flow.wrapping_mul(2_654_435_761);
        let port = 2000 + flow as u16;
        let mut verdicts = Vec::new();
        let mut check = |segment: Tcp, server: [u8; 4], reply: bool| {
            let frame = if reply {
                from(server, &segment)
            } else {
                to(server, &segment)
            };
            verdicts.push(bench.input(&frame).is_some());
        };
        // Before and behind a DNAT that rewrites address and port.
        for (server, target) in [(SERVER, 8080), (OTHER, 80)] {
            check(tcp(port, target, TcpFlags::SYN, isn, 0), server, false);
            check(
                tcp(
                    target,
                    port,
                    TcpFlags::SYN | TcpFlags::ACK,
                    5,
                    isn.wrapping_add(1),
                ),
                server,
                true,
            );
            check(
                tcp(port, target, TcpFlags::ACK, isn.wrapping_add(1), 6),
                server,
                false,
            );
            check(
                tcp(port, target, TcpFlags::ACK, 77, 6).data(b"x"),
                server,
                false,
            );
            check(tcp(target, port, TcpFlags::RST, 6, 0), server, true);
        }
        // A SYN refused right away, at a tap that saw the answer alone.
        check(
            tcp(
                9,
                port,
                TcpFlags::RST | TcpFlags::ACK,
                0,
                isn.wrapping_add(1),
            ),
            [10, 0, 0, 99],
            true,
        );
        let quoted = v4(CLIENT, [10, 0, 0, 98]);
        let quoted = quoted.packet(6, &tcp(port, 9, TcpFlags::SYN, isn, 0).bytes());
        let error = v4([10, 0, 0, 98], CLIENT).frame(1, &icmp(3, 1, &quoted));
        verdicts.push(bench.input(&error).is_some());
        assert!(
            verdicts.iter().all(|verdict| *verdict == verdicts[0]),
            "flow {flow}: {verdicts:?}"
        );
        chosen += u32::from(verdicts[0]);
    }
    assert!((60..=140).contains(&chosen), "{chosen} of 400");
}

#[test]
fn a_full_ring_buffer_is_counted() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let frame = to(SERVER, &tcp(1, 2, TcpFlags::SYN, 3, 0));
    let options = aya::programs::TestRunOptions {
        data_in: Some(&frame),
        repeat: 6000,
        ..Default::default()
    };
    bench.capture.test_run("swarmtrace_in", options).unwrap();
    let counters = bench.capture.counters().unwrap();
    assert_eq!(counters.seen(), 6000);
    assert_eq!(counters.reported() + counters.lost(), 6000);
    assert!(counters.lost() > 1000, "{counters:?}");
    let mut drained = Vec::new();
    while bench.drain(&mut drained) > 0 {}
    assert_eq!(drained.len() as u64, counters.reported());
    assert!(bench.input(&frame).is_some(), "and it goes on");
}

static BENCH: LazyLock<Mutex<Bench>> = LazyLock::new(|| Mutex::new(traced(transitions())));

fn shared() -> MutexGuard<'static, Bench> {
    BENCH.lock().unwrap_or_else(PoisonError::into_inner)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..Default::default() })]

    /// The prefilter, which only knows untagged frames, and the full parser, which
    /// the tagged ones go through, agree.
    #[test]
    fn the_prefilter_rejects_nothing_that_the_filter_selects(
        ports in (prop_oneof![Just(80), Just(53), Just(90), Just(4789)],
            prop_oneof![Just(80), Just(53), Just(90), Just(4789)]),
        protocol in prop_oneof![Just(6_u8), Just(17), Just(1), Just(50), Just(132), any::<u8>()],
        bits in any::<u8>(),
        seq in any::<u32>(),
        data in proptest::collection::vec(any::<u8>(), 0..40),
        reverse in any::<bool>(),
        inside in any::<bool>(),
        options in 0_usize..3,
        mode in prop_oneof![Just(Mode::Transitions), Just(Mode::AllPackets)],
    ) {
        if !needs::met(&[Need::Root, Need::Btf]) {
            return Ok(());
        }
        let mut bench = shared();
        bench.capture.set_settings(Settings { mode, ..transitions() }).unwrap();
        let mut segment = tcp(ports.0, ports.1, TcpFlags::from_bits_retain(bits), seq, 1).data(&data);
        segment.options = vec![1; options * 4];
        // Unlike UDP's, this payload is no VXLAN header, so port 4789 stays UDP.
        let payload = if protocol == 17 { udp(ports.0, ports.1, &[0; 9]) } else { segment.bytes() };
        let (src, dst) = if reverse { (SERVER, CLIENT) } else { (CLIENT, SERVER) };
        let mut frame = v4(src, dst).frame(protocol, &payload);
        if inside {
            frame = v4(CLIENT, OTHER).frame(17, &vxlan(4789, 5, &frame));
        }
        let tagged = ethernet(0x8100, &tag(1, IPV4, &frame[14..]));
        // Without the pause that the first of the two would end.
        if protocol != 6 && mode == Mode::Transitions {
            bench.input(&frame);
            bench.input(&tagged);
        }
        let (plain, tagged) = (bench.input(&frame), bench.input(&tagged));
        prop_assert_eq!(plain.map(|event| event.tuple), tagged.map(|event| event.tuple));
        prop_assert_eq!(plain.map(|event| event.tcp_flags), tagged.map(|event| event.tcp_flags));
    }
}
