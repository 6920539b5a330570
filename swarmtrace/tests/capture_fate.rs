//! What the kernel says of packets' fates, in real network namespaces: drops with
//! their reason and place, resets as they are sent. Needs root, `ip`, `iptables`.

#![allow(
    clippy::unwrap_used,
    reason = "clippy only knows functions marked as tests"
)]

mod support;

use btf_rs::{Btf, Type};
use needs::needs;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use support::nets::{Net, Pair};
use support::taps::attach;
use swarmtrace::capture::{AttachMode, Capture, Event, Events, LoadOptions};
use swarmtrace::sys::kernel_names::KernelNames;
use swarmtrace_common::{
    Endpoint, FateEvent, NO_REASON, PacketEvent, PacketFlags, PortSet, Settings, TcpFlags,
};

/// Ports that no other test uses: drops are seen in every namespace of the machine.
const PORT: u16 = 47_311;
const OTHER: u16 = 47_312;
/// Where a rule's drop happens: in the table itself on newer kernels.
const NETFILTER: [&str; 3] = ["nf_hook_slow", "nft_do_chain", "ipt_do_table"];

/// One watch at a time: each would see the others' packets, too.
static ALONE: Mutex<()> = Mutex::new(());

/// A capture whose filter selects one port.
struct Watch {
    capture: Capture,
    events: Events,
    _folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Watch {
    fn start(ring_bytes: u32) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let mut capture = Capture::load(&LoadOptions {
            ring_bytes,
            settings: Settings {
                vxlan_port: 4789,
                ..Settings::default()
            },
            attach: AttachMode::Auto,
            run_dir: folder.path().to_owned(),
            ..LoadOptions::default()
        })
        .unwrap_or_else(|error| panic!("kernel tests need root and BTF: {error}"));
        capture.set_ports(&PortSet::from_iter([PORT])).unwrap();
        let any = |protocol| Endpoint::new(IpAddr::from([0, 0, 0, 0]), PORT, protocol);
        let endpoints = BTreeSet::from([any(6), any(17)]);
        capture.set_endpoints(&endpoints).unwrap();
        let unseen = capture.watch_fate();
        assert!(
            unseen.iter().all(|line| !line.contains("not seen")),
            "{unseen:?}"
        );
        let events = capture.events().unwrap();
        Self {
            capture,
            events,
            _folder: folder,
            _alone: alone,
        }
    }

    fn taken(&mut self) -> Vec<Event> {
        std::thread::sleep(Duration::from_millis(100));
        let mut events = Vec::new();
        while self.events.drain(&mut events) > 0 {}
        assert_eq!(self.events.ignored(), 0);
        events
    }

    /// What was dropped and which resets were sent since the last call.
    fn fates(&mut self) -> (Vec<FateEvent>, Vec<FateEvent>) {
        let (mut drops, mut resets) = (Vec::new(), Vec::new());
        for event in self.taken() {
            match event {
                Event::Drop(fate) => drops.push(fate),
                Event::ResetSent(fate) => resets.push(fate),
                Event::Packet(_) => {}
            }
        }
        (drops, resets)
    }

    fn names(&self) -> std::sync::Arc<KernelNames> {
        self.capture.names()
    }

    /// Whether this kernel gives reasons for drops.
    fn has_reasons() -> bool {
        number("skb_drop_reason", "SKB_DROP_REASON_NO_SOCKET").is_some()
    }

    /// Checks that a drop has that reason, by number and by name, and is said to
    /// have happened in one of those functions.
    #[track_caller]
    fn assert_reason(&self, drop: &FateEvent, reason: &str, functions: &[&str]) {
        let names = self.names();
        if Self::has_reasons() {
            assert_eq!(names.drop_reason(drop.reason), Some(reason));
            assert_eq!(number("skb_drop_reason", reason), Some(drop.reason));
        } else {
            assert_eq!(drop.reason, NO_REASON);
        }
        let function = names.function(drop.location).unwrap();
        let name = function.split(['+', '.']).next().unwrap();
        assert!(functions.contains(&name), "{function}");
    }
}

/// A number of the running kernel's, read without swarmtrace.
fn number(of: &str, name: &str) -> Option<u32> {
    let kernel = Btf::from_file("/sys/kernel/btf/vmlinux").unwrap();
    let types = kernel.resolve_types_by_name(of).ok()?;
    let members = types.into_iter().find_map(|found| match found {
        Type::Enum(found) => Some(found.members),
        _ => None,
    })?;
    let is_it = |member: &&btf_rs::EnumMember| kernel.resolve_name(*member).unwrap() == name;
    members.iter().find(is_it).map(btf_rs::EnumMember::val)
}

fn address(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host.parse().unwrap(), port)
}

/// Tries to connect from left to right for a moment.
fn connect(pair: &Pair, to: SocketAddr) -> std::io::Result<TcpStream> {
    (pair.left).inside(|| TcpStream::connect_timeout(&to, Duration::from_millis(300)))
}

/// Sends a datagram from left to right.
fn send(pair: &Pair, to: SocketAddr, data: &[u8]) {
    pair.left.inside(|| {
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.send_to(data, to).unwrap();
    });
}

fn rule(net: &Net, host: &str, rest: &[&str]) {
    let tables = if host.contains(':') {
        "ip6tables"
    } else {
        "iptables"
    };
    net.exec(&[&[tables, "-w"], rest].concat());
}

const SYN: TcpFlags = TcpFlags::SYN;

fn is_syn(fate: &FateEvent) -> bool {
    fate.packet.tcp_flags & (TcpFlags::SYN | TcpFlags::ACK) == SYN
}

#[test]
fn a_packet_that_a_rule_drops() {
    needs!(Root, Btf);
    let mut watch = Watch::start(1 << 20);
    for host in ["10.99.0.2", "fd99::2"] {
        let pair = Pair::new();
        rule(
            &pair.right,
            host,
            &["-A", "INPUT", "-p", "tcp", "-j", "DROP"],
        );
        rule(
            &pair.right,
            host,
            &["-A", "INPUT", "-p", "udp", "-j", "DROP"],
        );
        for port in [PORT, OTHER] {
            let error = connect(&pair, address(host, port)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            send(&pair, address(host, port), b"a datagram");
        }
        let (drops, resets) = watch.fates();
        assert_eq!(resets, []);
        let port = |drop: &FateEvent| drop.packet.tuple.dst_port;
        assert!(drops.iter().all(|d| port(d) == PORT), "{drops:#?}");
        let [segments, datagrams] =
            [6, 17].map(|p| drops.iter().filter(move |d| d.packet.tuple.protocol == p));
        assert_eq!(
            (segments.clone().count(), datagrams.clone().count()),
            (1, 1)
        );
        for drop in segments.clone().chain(datagrams.clone()) {
            let packet = &drop.packet;
            assert_eq!(packet.netns, pair.right.inode());
            assert_eq!(packet.ifindex, pair.right.site("right0").at.ifindex);
            assert_eq!(packet.tuple.destination(), address(host, PORT));
            assert_eq!(packet.has(PacketFlags::IPV6), host.contains(':'));
            assert_ne!(packet.skb, 0);
            watch.assert_reason(drop, "SKB_DROP_REASON_NETFILTER_DROP", &NETFILTER);
        }
        assert!(segments.clone().all(is_syn));
        assert!(
            segments
                .clone()
                .all(|d| d.packet.has(PacketFlags::TIMESTAMPS))
        );
        assert!(datagrams.clone().all(|d| d.packet.payload_length == 10));
    }
}

#[test]
fn a_port_that_nobody_listens_on() {
    needs!(Root, Btf);
    let mut watch = Watch::start(1 << 20);
    for host in ["10.99.0.2", "fd99::2"] {
        let pair = Pair::new();
        attach(&mut watch.capture, &pair.sites());
        for port in [OTHER, PORT] {
            let error = connect(&pair, address(host, port)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        let events = watch.taken();
        let at = (pair.right.inode(), pair.right.site("right0").at.ifindex);
        let syn = tapped(&events, at, SYN, 0);
        let reset = tapped(&events, at, TcpFlags::RST, 1);
        let drops = (events.iter()).filter_map(|event| match event {
            Event::Drop(fate) if is_syn(fate) => Some(fate),
            _ => None,
        });
        let drops: Vec<&FateEvent> = drops.collect();
        let [drop] = drops[..] else {
            panic!("{drops:#?}")
        };
        let packet = &drop.packet;
        assert_eq!((packet.netns, packet.ifindex), at);
        assert_eq!((packet.tuple, packet.seq), (syn.tuple, syn.seq));
        assert_eq!((packet.ip_id, packet.tsval), (syn.ip_id, syn.tsval));
        let functions = ["tcp_v4_rcv", "tcp_v6_rcv"];
        watch.assert_reason(drop, "SKB_DROP_REASON_NO_SOCKET", &functions);

        // Before 6.10 only sockets' resets are traced, and here is none.
        let sent = resets(&events);
        if number("sk_rst_reason", "SK_RST_REASON_NO_SOCKET").is_some() {
            let [sent] = sent[..] else {
                panic!("{sent:#?}")
            };
            assert_sent(sent, reset);
            assert_eq!(sent.packet.netns, pair.right.inode());
            assert_eq!(sent.packet.skb, packet.skb);
            let reason = watch.names().reset_reason(sent.reason).map(str::to_owned);
            assert_eq!(reason.as_deref(), Some("SK_RST_REASON_NO_SOCKET"));
        }
    }
}

/// The one packet that a tap saw with those flags, in that direction.
#[track_caller]
fn tapped(events: &[Event], at: (u32, u32), bits: TcpFlags, direction: u8) -> &PacketEvent {
    let found = events.iter().filter_map(Event::packet).filter(|packet| {
        (packet.netns, packet.ifindex) == at
            && packet.direction == direction
            && packet.tcp_flags & (SYN | TcpFlags::RST) == bits
    });
    let found: Vec<&PacketEvent> = found.collect();
    let [one] = found[..] else {
        panic!("{found:#?} of {events:#?}")
    };
    one
}

fn resets(events: &[Event]) -> Vec<&FateEvent> {
    let sent = events.iter().filter_map(|event| match event {
        Event::ResetSent(fate) => Some(fate),
        _ => None,
    });
    sent.collect()
}

/// What was said to be sent is what was seen to leave.
#[track_caller]
fn assert_sent(sent: &FateEvent, reset: &PacketEvent) {
    let packet = &sent.packet;
    assert_eq!(packet.tuple, reset.tuple);
    assert_eq!(
        packet.tcp_flags,
        reset.tcp_flags & (TcpFlags::RST | TcpFlags::ACK)
    );
    assert_eq!(packet.seq, reset.seq);
    if reset.tcp_flags.contains(TcpFlags::ACK) {
        assert_eq!(packet.ack, reset.ack);
    }
    // A reset that answers nothing is traced once it is sent.
    assert!(packet.skb == 0 || packet.time <= reset.time);
}

#[test]
fn resets_of_open_connections() {
    needs!(Root, Btf);
    for host in ["10.99.0.2", "fd99::2"] {
        // The server ends with a reset, unasked; or the client does not want the
        // data that is still coming.
        for unasked in [true, false] {
            let mut watch = Watch::start(1 << 20);
            let pair = Pair::new();
            attach(&mut watch.capture, &pair.sites());
            let to = address(host, PORT);
            let listener = pair.right.inside(|| TcpListener::bind(to).unwrap());
            let mut client = connect(&pair, to).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(b"hello").unwrap();
            server.read_exact(&mut [0; 5]).unwrap();
            let (sender, device) = if unasked {
                let linger = Some(Duration::ZERO);
                set_linger(&server, linger);
                drop(server);
                (&pair.right, "right0")
            } else {
                drop(client);
                std::thread::sleep(Duration::from_millis(50));
                let _ = server.write_all(b"late");
                (&pair.left, "left0")
            };
            let events = watch.taken();
            let at = (sender.inode(), sender.site(device).at.ifindex);
            let reset = tapped(&events, at, TcpFlags::RST, 1);
            let sent = resets(&events);
            let [sent] = sent[..] else {
                panic!("{host} {unasked}: {sent:#?}")
            };
            assert_sent(sent, reset);
            assert_eq!(sent.packet.netns, sender.inode());
            assert_eq!(sent.packet.skb == 0, unasked);
            if number("sk_rst_reason", "SK_RST_REASON_NO_SOCKET").is_some() {
                let names = watch.names();
                let name = names.reset_reason(sent.reason).unwrap();
                assert_eq!(number("sk_rst_reason", name), Some(sent.reason));
            }
        }
    }
}

fn set_linger(stream: &TcpStream, linger: Option<Duration>) {
    use nix::sys::socket::{setsockopt, sockopt::Linger};
    let linger = libc::linger {
        l_onoff: i32::from(linger.is_some()),
        l_linger: 0,
    };
    setsockopt(stream, Linger, &linger).unwrap();
}

#[test]
fn a_packet_on_no_device_is_still_somewhere() {
    needs!(Root, Btf);
    let mut watch = Watch::start(1 << 20);
    for host in ["10.99.0.2", "fd99::2"] {
        let pair = Pair::new();
        rule(
            &pair.left,
            host,
            &["-A", "OUTPUT", "-p", "tcp", "-j", "DROP"],
        );
        let _ = connect(&pair, address(host, PORT));
        let (drops, _) = watch.fates();
        let [drop] = &drops[..] else {
            panic!("{drops:#?}")
        };
        assert_eq!(
            (drop.packet.netns, drop.packet.ifindex),
            (pair.left.inode(), 0)
        );
        assert_eq!(drop.packet.tuple.destination(), address(host, PORT));
    }
}

#[test]
fn a_translated_packet_is_known_by_its_conntrack_entry() {
    needs!(Root, Btf);
    let mut watch = Watch::start(1 << 20);
    let pair = Pair::new();
    let redirect = |port: u16, to: &str| {
        let port = port.to_string();
        let rule = [
            "-t",
            "nat",
            "-A",
            "PREROUTING",
            "-p",
            "tcp",
            "--dport",
            &port,
            "-j",
            "REDIRECT",
            "--to-ports",
            to,
        ];
        pair.right.exec(&[&["iptables", "-w"], &rule[..]].concat());
    };
    redirect(PORT, "80");
    redirect(OTHER, "81");
    for port in [OTHER, PORT] {
        let error = connect(&pair, address("10.99.0.2", port)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
    if watch.capture.no_conntrack().is_some() {
        return;
    }
    let (drops, resets) = watch.fates();
    let syns: Vec<&FateEvent> = drops.iter().filter(|drop| is_syn(drop)).collect();
    let [drop] = syns[..] else {
        panic!("{drops:#?}")
    };
    assert_eq!(drop.packet.tuple.destination(), address("10.99.0.2", 80));
    let (original, reply) = drop.packet.conntrack().unwrap();
    assert_eq!(original.destination(), address("10.99.0.2", PORT));
    assert_eq!(reply.source(), address("10.99.0.2", 80));
    for reset in resets {
        assert_eq!(reset.packet.tuple.source(), address("10.99.0.2", 80));
        assert_eq!(reset.packet.conntrack().unwrap().0, original);
    }
}

#[test]
fn a_packet_in_a_tunnel() {
    needs!(Root, Btf);
    let mut watch = Watch::start(1 << 20);
    let pair = Pair::new();
    for (net, device, last, peer) in [(&pair.left, "left0", 1, 2), (&pair.right, "right0", 2, 1)] {
        let remote = format!("10.99.0.{peer}");
        net.ip(&[
            "link", "add", "vx0", "type", "vxlan", "id", "4096", "dstport", "4789", "remote",
            &remote, "dev", device,
        ]);
        net.ip(&["addr", "add", &format!("10.98.0.{last}/24"), "dev", "vx0"]);
        net.ip(&["link", "set", "vx0", "up"]);
    }
    let inside = address("10.98.0.2", PORT);
    // Addresses are resolved before anything is dropped.
    assert_eq!(
        connect(&pair, inside).unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    watch.fates();
    let drop_outer = ["-A", "INPUT", "-p", "udp", "--dport", "4789", "-j", "DROP"];
    rule(&pair.right, "", &drop_outer);
    let _ = connect(&pair, address("10.98.0.2", OTHER));
    let _ = connect(&pair, inside);
    let (drops, _) = watch.fates();
    let [drop] = &drops[..] else {
        panic!("{drops:#?}")
    };
    let packet = &drop.packet;
    assert!(packet.has(PacketFlags::VXLAN) && is_syn(drop));
    assert_eq!((packet.vni, packet.tuple.destination()), (4096, inside));
    assert_eq!(packet.outer.destination(), address("10.99.0.2", 4789));
    assert_eq!(packet.netns, pair.right.inode());
    watch.assert_reason(drop, "SKB_DROP_REASON_NETFILTER_DROP", &NETFILTER);
}

#[test]
fn what_does_not_fit_into_the_ring_is_counted() {
    needs!(Root, Btf);
    let mut watch = Watch::start(1 << 16);
    let pair = Pair::new();
    rule(&pair.right, "", &["-A", "INPUT", "-p", "udp", "-j", "DROP"]);
    const SENT: u64 = 1000;
    pair.left.inside(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        for _ in 0..SENT {
            socket
                .send_to(b"again", address("10.99.0.2", PORT))
                .unwrap();
        }
    });
    std::thread::sleep(Duration::from_millis(100));
    let counters = watch.capture.counters().unwrap();
    let (drops, _) = watch.fates();
    assert!(counters.lost() > SENT / 2, "{counters:?}");
    assert_eq!(counters.fates(), drops.len() as u64);
    assert_eq!(counters.fates() + counters.lost(), SENT);
}

#[test]
fn nothing_is_reported_once_detached() {
    needs!(Root, Btf);
    let mut watch = Watch::start(1 << 20);
    let pair = Pair::new();
    let _ = connect(&pair, address("10.99.0.2", PORT));
    assert_ne!(watch.fates().0, []);
    watch.capture.detach_all().unwrap();
    let _ = connect(&pair, address("10.99.0.2", PORT));
    let (drops, resets) = watch.fates();
    assert_eq!((drops.len(), resets.len()), (0, 0));
}

#[test]
fn a_connection_that_goes_well_loses_nothing() {
    needs!(Root, Btf);
    let mut watch = Watch::start(1 << 20);
    for host in ["10.99.0.2", "fd99::2"] {
        // Kept: what is under way when its namespace goes is lost.
        let pair = Pair::new();
        pair.exchange(host, PORT, 300_000);
        let (drops, resets) = watch.fates();
        let names = watch.names();
        // The end of a connection is freed like something dropped, see the
        // correlator.
        let ends = |drop: &&FateEvent| {
            let packet = &drop.packet;
            let bare = packet.payload_length == 0 && !packet.tcp_flags.contains(TcpFlags::SYN);
            drop.reason == NO_REASON && bare
        };
        let said = drops.iter().filter(|drop| !ends(drop)).map(|drop| {
            let function = names.function(drop.location);
            (names.drop_reason(drop.reason).map(str::to_owned), function)
        });
        assert_eq!(said.collect::<Vec<_>>(), []);
        assert_eq!(resets, []);
    }
}
