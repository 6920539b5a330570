//! The kernel side's parser, fed with crafted frames through
//! `BPF_PROG_TEST_RUN`. Needs root.

#![allow(
    clippy::unwrap_used,
    reason = "clippy only knows functions marked as tests"
)]

mod support;

use needs::{Need, needs};
use proptest::prelude::*;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use support::frames::*;
use support::{Bench, everything};
use swarmtrace_common::{PacketEvent, PacketFlags, TcpFlags, Tuple, mapped};

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVER: [u8; 4] = [10, 0, 0, 6];

fn addresses(tuple: &Tuple) -> (String, String) {
    (tuple.source().to_string(), tuple.destination().to_string())
}

fn between(tuple: &Tuple, src: &str, dst: &str) {
    assert_eq!(addresses(tuple), (String::from(src), String::from(dst)));
}

#[test]
fn a_tcp_syn_over_ipv4() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let segment = tcp(51_544, 8080, TcpFlags::SYN, 1000, 0).options(&SYN_OPTIONS);
    let frame = v4(CLIENT, SERVER).frame(6, &segment.bytes());
    let event = bench.input(&frame).unwrap();
    between(&event.tuple, "192.0.2.10:51544", "10.0.0.6:8080");
    assert_eq!(event.tuple.protocol, 6);
    assert_eq!(
        (event.seq, event.ack, event.tcp_flags),
        (1000, 0, TcpFlags::SYN)
    );
    assert_eq!((event.tsval, event.tsecr), (0x100, 0));
    assert_eq!((event.ip_id, event.ttl), (0x1234, 63));
    // The frame's MAC is not the loopback device's, which has none.
    assert_eq!(
        event.flags & !PacketFlags::CONNTRACK,
        PacketFlags::TIMESTAMPS | PacketFlags::OTHER_HOST
    );
    assert_eq!(event.length as usize, frame.len());
    assert_eq!(event.payload_length, 0);
    assert_eq!(event.outer, Tuple::default());
    assert_eq!((event.direction, event.kind, event.padding), (0, 1, [0; 2]));
    // A test run takes place at this namespace's loopback device.
    let inode = std::fs::metadata("/proc/self/ns/net").unwrap().ino();
    assert_eq!((u64::from(event.netns), event.ifindex), (inode, 1));
    let now = bench.run("swarmtrace_out", &frame).unwrap();
    assert_eq!(
        (now.direction, now.flags & PacketFlags::OTHER_HOST),
        (1, PacketFlags::empty())
    );
    assert!(now.time > event.time);
}

#[test]
fn ipv4_options_and_odd_tcp_options() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let mut ip = v4(CLIENT, SERVER);
    ip.options = vec![1; 8];
    let odd = [&[1, 1, 1, 8, 10][..], &[0, 0, 0, 9, 0, 0, 0, 8], &[1, 1, 0]].concat();
    let segment = tcp(1, 2, TcpFlags::ACK, 5, 6).options(&odd).data(b"hello");
    let event = bench.input(&ip.frame(6, &segment.bytes())).unwrap();
    between(&event.tuple, "192.0.2.10:1", "10.0.0.6:2");
    assert_eq!((event.tsval, event.tsecr), (9, 8));
    assert_eq!(event.payload_length, 5);
    // The options end before timestamps; a length of 0 must not hang.
    for options in [[0; 12], [3, 0, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let segment = tcp(1, 2, TcpFlags::ACK, 5, 6).options(&options);
        let event = bench.input(&ip.frame(6, &segment.bytes())).unwrap();
        assert!(!event.has(PacketFlags::TIMESTAMPS));
        assert_eq!((event.tsval, event.tsecr), (0, 0));
    }
}

#[test]
fn ipv6_with_and_without_extension_headers() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let segment = tcp(1, 443, TcpFlags::SYN | TcpFlags::ACK, 7, 8).options(&TIMESTAMPS);
    let mut ip = v6(1, 2);
    let plain = bench.input(&ip.frame(6, &segment.bytes())).unwrap();
    between(&plain.tuple, "[fd00::1]:1", "[fd00::2]:443");
    assert!(plain.has(PacketFlags::IPV6) && plain.has(PacketFlags::TIMESTAMPS));
    assert_eq!((plain.tsval, plain.tsecr, plain.ip_id), (0x100, 0x200, 0));
    // Hop-by-hop of 16 bytes, destination options, the first of two fragments.
    ip.extensions = vec![
        (0, [vec![1], vec![0; 14]].concat()),
        (60, vec![0; 7]),
        (44, vec![0, 0, 1, 0xaa, 0xbb, 0xcc, 0xdd]),
    ];
    let event = bench.input(&ip.frame(6, &segment.bytes())).unwrap();
    assert_eq!(event.tuple, plain.tuple);
    assert_eq!(
        (event.ip_id, event.seq, event.payload_length),
        (0xccdd, 7, 0)
    );
    // A later fragment has neither ports nor TCP fields.
    ip.extensions = vec![(44, vec![0, 0x05, 0xa8, 0xaa, 0xbb, 0xcc, 0xdd])];
    let event = bench.input(&ip.frame(6, &segment.bytes())).unwrap();
    assert!(event.has(PacketFlags::FRAGMENT));
    between(&event.tuple, "[fd00::1]:0", "[fd00::2]:0");
    assert_eq!((event.tuple.protocol, event.seq), (6, 0));
}

#[test]
fn vlan_and_double_tags() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let ip = v4(CLIENT, SERVER);
    let packet = ip.packet(6, &tcp(1, 2, TcpFlags::SYN, 3, 0).bytes());
    let single = ethernet(0x8100, &tag(0x6123, IPV4, &packet));
    let event = bench.input(&single).unwrap();
    between(&event.tuple, "192.0.2.10:1", "10.0.0.6:2");
    assert_eq!((event.vlan, event.has(PacketFlags::VLAN)), (0x123, true));
    let double = ethernet(0x88a8, &tag(7, 0x8100, &tag(8, IPV4, &packet)));
    let event = bench.input(&double).unwrap();
    between(&event.tuple, "192.0.2.10:1", "10.0.0.6:2");
    assert_eq!(event.vlan, 7, "the outermost");
}

#[test]
fn udp_payloads_are_distinguished() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let ip = v4(CLIENT, SERVER);
    let mut tags = Vec::new();
    for data in [
        &b""[..],
        b"a",
        b"b",
        b"ab",
        b"abcdefg",
        b"abcdefgh",
        b"abcdefgi",
    ] {
        let event = bench.input(&ip.frame(17, &udp(53, 1053, data))).unwrap();
        between(&event.tuple, "192.0.2.10:53", "10.0.0.6:1053");
        assert_eq!(event.payload_length as usize, data.len());
        tags.push(event.payload_tag);
    }
    assert_eq!(tags[0], 0);
    let mut distinct = tags.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), tags.len(), "{tags:x?}");
    let longer = bench.input(&ip.frame(17, &udp(53, 1053, b"abcdefghijkl")));
    assert_eq!(longer.unwrap().payload_tag, tags[5], "the first 8 bytes");
}

#[test]
fn fragments_sctp_esp_and_echo() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let mut ip = v4(CLIENT, SERVER);
    ip.fragment = 0x2000;
    let first = bench.input(&ip.frame(17, &udp(1, 2, &[9; 32]))).unwrap();
    assert!(!first.has(PacketFlags::FRAGMENT));
    assert_eq!(first.tuple.dst_port, 2);
    ip.fragment = 5;
    let later = bench.input(&ip.frame(17, &[9; 32])).unwrap();
    assert!(later.has(PacketFlags::FRAGMENT));
    between(&later.tuple, "192.0.2.10:0", "10.0.0.6:0");
    ip.fragment = 0;
    let sctp = bench.input(&ip.frame(132, &udp(1, 2, &[9; 32]))).unwrap();
    between(&sctp.tuple, "192.0.2.10:1", "10.0.0.6:2");
    let esp = bench
        .input(&ip.frame(50, &[0, 0, 1, 0, 0, 0, 0, 9, 1, 2]))
        .unwrap();
    assert!(esp.has(PacketFlags::ESP));
    assert_eq!((esp.ack, esp.seq, esp.tuple.protocol), (256, 9, 50));
    let echo = bench.input(&ip.frame(1, &icmp(8, 0, b"ping"))).unwrap();
    assert!(!echo.has(PacketFlags::ICMP_ERROR));
    between(&echo.tuple, "192.0.2.10:0", "10.0.0.6:0");
}

#[test]
fn icmp_errors_show_what_they_quote() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let segment = tcp(51_544, 80, TcpFlags::SYN, 1000, 0).options(&TIMESTAMPS);
    let quoted = v4(CLIENT, SERVER).packet(6, &segment.bytes());
    let router = v4([10, 0, 0, 1], CLIENT);
    let event = bench.input(&router.frame(1, &icmp(3, 4, &quoted))).unwrap();
    assert!(event.has(PacketFlags::ICMP_ERROR));
    between(&event.tuple, "192.0.2.10:51544", "10.0.0.6:80");
    between(&event.outer, "10.0.0.1:3", "192.0.2.10:4");
    assert_eq!((event.outer.protocol, event.tuple.protocol), (1, 6));
    assert_eq!(
        (event.seq, event.tcp_flags, event.tsval),
        (1000, TcpFlags::SYN, 0x100)
    );
    // The least a router may quote: 8 bytes of TCP.
    let short = router.frame(1, &icmp(3, 1, &quoted[..28]));
    let event = bench.input(&short).unwrap();
    between(&event.tuple, "192.0.2.10:51544", "10.0.0.6:80");
    assert_eq!((event.seq, event.tcp_flags), (1000, TcpFlags::empty()));
    // ICMPv6: port unreachable for a datagram.
    let quoted = v6(1, 2).packet(17, &udp(5, 6, b"question"));
    let event = bench
        .input(&v6(2, 1).frame(58, &icmp(1, 4, &quoted)))
        .unwrap();
    between(&event.tuple, "[fd00::1]:5", "[fd00::2]:6");
    between(&event.outer, "[fd00::2]:1", "[fd00::1]:4");
    let direct = bench.input(&ethernet(IPV6, &quoted)).unwrap();
    assert_eq!(event.payload_tag, direct.payload_tag);
}

#[test]
fn vxlan_shows_the_inner_frame() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let segment = tcp(51_544, 80, TcpFlags::SYN, 1000, 0).options(&SYN_OPTIONS);
    let inner = v4([10, 0, 0, 2], SERVER).frame(6, &segment.bytes());
    let node = v4([192, 168, 50, 1], [192, 168, 50, 2]);
    let datagram = vxlan(4789, 4096, &inner);
    let frame = node.frame(17, &datagram);
    let event = bench.input(&frame).unwrap();
    assert!(event.has(PacketFlags::VXLAN) && event.has(PacketFlags::TIMESTAMPS));
    between(&event.tuple, "10.0.0.2:51544", "10.0.0.6:80");
    between(&event.outer, "192.168.50.1:40000", "192.168.50.2:4789");
    assert_eq!(
        (event.vni, event.outer.protocol, event.tuple.protocol),
        (4096, 17, 6)
    );
    assert_eq!((event.seq, event.length as usize), (1000, frame.len()));

    // On a tagged underlay, over IPv6, and with a tag inside.
    let tagged = ethernet(0x8100, &tag(5, IPV4, &node.packet(17, &datagram)));
    let event = bench.input(&tagged).unwrap();
    assert_eq!((event.vni, event.vlan, event.seq), (4096, 5, 1000));
    let event = bench.input(&v6(1, 2).frame(17, &datagram)).unwrap();
    between(&event.outer, "[fd00::1]:40000", "[fd00::2]:4789");
    assert!(!event.has(PacketFlags::IPV6), "the inner packet is IPv4");
    let inner_tagged = ethernet(0x8100, &tag(9, IPV4, &inner[14..]));
    let event = bench
        .input(&node.frame(17, &vxlan(4789, 1, &inner_tagged)))
        .unwrap();
    between(&event.tuple, "10.0.0.2:51544", "10.0.0.6:80");

    // On another port it is a datagram like any other.
    let event = bench
        .input(&node.frame(17, &vxlan(4790, 4096, &inner)))
        .unwrap();
    assert!(!event.has(PacketFlags::VXLAN));
    assert_eq!(event.tuple.dst_port, 4790);
    // ARP inside is of no interest.
    let arp = ethernet(0x0806, &[0; 28]);
    assert_eq!(bench.input(&node.frame(17, &vxlan(4789, 4096, &arp))), None);
}

#[test]
fn vxlan_and_icmp_errors_together() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    let segment = tcp(51_544, 80, TcpFlags::SYN, 1000, 0);
    let overlay = v4([10, 0, 0, 2], SERVER);
    let node = v4([192, 168, 50, 1], [192, 168, 50, 2]);
    // An overlay ICMP error on its way through VXLAN.
    let error = v4(SERVER, [10, 0, 0, 2]);
    let error = error.frame(1, &icmp(3, 3, &overlay.packet(6, &segment.bytes())));
    let event = bench
        .input(&node.frame(17, &vxlan(4789, 4096, &error)))
        .unwrap();
    assert!(event.has(PacketFlags::VXLAN) && event.has(PacketFlags::ICMP_ERROR));
    assert!(!event.has(PacketFlags::QUOTED_VXLAN));
    between(&event.tuple, "10.0.0.2:51544", "10.0.0.6:80");
    between(&event.outer, "10.0.0.6:3", "10.0.0.2:3");
    assert_eq!(event.vni, 4096);
    // The other node has no such overlay and quotes the VXLAN datagram.
    let quoted = node.packet(17, &vxlan(4789, 4097, &overlay.frame(6, &segment.bytes())));
    let back = v4([192, 168, 50, 2], [192, 168, 50, 1]);
    let event = bench.input(&back.frame(1, &icmp(3, 3, &quoted))).unwrap();
    assert!(event.has(PacketFlags::ICMP_ERROR) && event.has(PacketFlags::QUOTED_VXLAN));
    assert!(!event.has(PacketFlags::VXLAN));
    between(&event.tuple, "10.0.0.2:51544", "10.0.0.6:80");
    between(&event.outer, "192.168.50.2:3", "192.168.50.1:3");
    assert_eq!(event.vni, 4097);
    // Cut short before the inner packet: the datagram itself.
    let event = bench
        .input(&back.frame(1, &icmp(3, 3, &quoted[..36])))
        .unwrap();
    assert!(!event.has(PacketFlags::QUOTED_VXLAN));
    between(&event.tuple, "192.168.50.1:40000", "192.168.50.2:4789");
}

#[test]
fn devices_without_ethernet() {
    needs!(Root, Btf);
    let mut bench = Bench::new(everything());
    // A test run always has an Ethernet header: what follows 14 bytes of it is
    // what the program for bare IP sees only on a real device (capture_taps.rs).
    let frame = v4(CLIENT, SERVER).frame(6, &tcp(1, 2, TcpFlags::SYN, 3, 0).bytes());
    assert_eq!(bench.run("swarmtrace_in3", &frame), None);
    assert_eq!(bench.run("swarmtrace_out3", &frame), None);
}

/// What a complete frame must be reported as, and every cut of it may be.
fn check_cuts(bench: &mut Bench, frame: &[u8], whole: &PacketEvent) {
    let known = [whole.tuple, whole.outer];
    for length in 15..frame.len() {
        let Some(event) = bench.input(&frame[..length]) else {
            continue;
        };
        let mut tuple = event.tuple;
        if !event.flags.contains(PacketFlags::FRAGMENT) || tuple.src_port != 0 {
            assert!(known.contains(&tuple), "{length} bytes: {event:?}");
        }
        tuple.padding = [0; 3];
        assert_eq!(tuple, event.tuple);
        assert_eq!(event.length as usize, length);
        if !event.has(PacketFlags::ICMP_ERROR) {
            assert!((event.payload_length as usize) < length);
        }
        if event.has(PacketFlags::TIMESTAMPS) {
            assert_eq!((event.tsval, event.tsecr), (whole.tsval, whole.tsecr));
        }
        if event.seq != 0 {
            assert_eq!(event.seq, whole.seq);
        }
    }
}

fn segment() -> impl Strategy<Value = (u8, Vec<u8>, Tcp)> {
    let options = prop_oneof![
        Just(Vec::new()),
        Just(TIMESTAMPS.to_vec()),
        Just(SYN_OPTIONS.to_vec()),
        proptest::collection::vec(any::<u8>(), 0..=10).prop_map(|words| words.repeat(4)),
    ];
    let numbers = (1_u16.., 1_u16..4789, any::<u8>(), 1_u32.., any::<u32>());
    let data = proptest::collection::vec(any::<u8>(), 0..32);
    (numbers, options, data).prop_map(|((src, dst, bits, seq, ack), options, data)| {
        let tcp = tcp(src, dst, TcpFlags::from_bits_retain(bits), seq, ack)
            .options(&options)
            .data(&data);
        (6, tcp.bytes(), tcp)
    })
}

fn header() -> impl Strategy<Value = Ip> {
    let four = (
        any::<[u8; 4]>(),
        any::<[u8; 4]>(),
        0_usize..=10,
        any::<u16>(),
        any::<u8>(),
    );
    let four = four.prop_map(|(src, dst, words, id, ttl)| Ip {
        options: vec![1; words * 4],
        id,
        ttl,
        ..v4(src, dst)
    });
    let six = (any::<[u8; 16]>(), any::<[u8; 16]>(), 0_usize..=3);
    let six = six.prop_map(|(src, dst, extensions)| Ip {
        extensions: vec![(60, vec![0; 7]); extensions],
        ..ip(IpAddr::from(src), IpAddr::from(dst))
    });
    prop_oneof![four, six]
}

/// One for all cases: loading takes longer than they do.
static BENCH: LazyLock<Mutex<Bench>> = LazyLock::new(|| Mutex::new(Bench::new(everything())));

fn shared() -> MutexGuard<'static, Bench> {
    BENCH.lock().unwrap_or_else(PoisonError::into_inner)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    /// Any segment in any wrapping is reported as what it is, and cut at any
    /// length it is reported as part of what it is or not at all.
    #[test]
    fn segments_in_any_wrapping(
        (protocol, bytes, tcp) in segment(),
        inner in header(),
        outer in header(),
        wrapping in 0..4,
        tags in 0_usize..=2,
    ) {
        if !needs::met(&[Need::Root, Need::Btf]) {
            return Ok(());
        }
        let mut bench = shared();
        let packet = inner.packet(protocol, &bytes);
        let (ether_type, packet) = match wrapping {
            0 => (inner.ether_type(), packet),
            1 => {
                let inner = ethernet(inner.ether_type(), &packet);
                (outer.ether_type(), outer.packet(17, &vxlan(4789, 77, &inner)))
            }
            // An error quotes packets of its own family only.
            2 if inner.src.is_ipv4() => {
                (IPV4, v4([9; 4], [8; 4]).packet(1, &icmp(11, 0, &packet)))
            }
            _ if inner.src.is_ipv6() => (IPV6, v6(9, 8).packet(58, &icmp(3, 0, &packet))),
            _ => (inner.ether_type(), packet),
        };
        let (mut ether_type, mut rest) = (ether_type, packet);
        for _ in 0..tags {
            rest = tag(99, ether_type, &rest);
            ether_type = 0x8100;
        }
        let frame = ethernet(ether_type, &rest);
        let event = bench.input(&frame).expect("a complete frame");
        prop_assert_eq!(event.tuple.src, mapped(inner.src));
        prop_assert_eq!(event.tuple.dst, mapped(inner.dst));
        prop_assert_eq!((event.tuple.src_port, event.tuple.dst_port), tcp.ports);
        prop_assert_eq!((event.seq, event.ack, event.tcp_flags), (tcp.seq, tcp.ack, tcp.flags));
        prop_assert_eq!(event.payload_length as usize, tcp.data.len());
        prop_assert_eq!(event.ttl, inner.ttl);
        prop_assert_eq!(event.vlan, if tags > 0 { 99 } else { 0 });
        prop_assert_eq!(event.vni, if event.has(PacketFlags::VXLAN) { 77 } else { 0 });
        if tcp.options == TIMESTAMPS || tcp.options == SYN_OPTIONS {
            prop_assert_eq!(event.tsval, 0x100);
        }
        check_cuts(&mut bench, &frame, &event);
    }

    /// Nonsense is survived.
    #[test]
    fn arbitrary_bytes(ether_type in prop_oneof![
        Just(IPV4), Just(IPV6), Just(0x8100), Just(0x88a8), any::<u16>()
    ], version in prop_oneof![Just(0x45_u8), Just(0x60), any::<u8>()],
    rest in proptest::collection::vec(any::<u8>(), 1..200)) {
        if !needs::met(&[Need::Root, Need::Btf]) {
            return Ok(());
        }
        let mut bench = shared();
        let frame = ethernet(ether_type, &[&[version][..], &rest].concat());
        for program in ["swarmtrace_in", "swarmtrace_out", "swarmtrace_in3", "swarmtrace_out3"] {
            bench.run(program, &frame);
        }
    }
}
