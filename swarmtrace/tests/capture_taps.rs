//! Taps in real network namespaces: what they see. Needs root, `ip`, `iptables`.

#![allow(
    clippy::unwrap_used,
    reason = "clippy only knows functions marked as tests"
)]

mod support;

use needs::needs;
use std::time::Duration;
use support::everything;
use support::frames::{IPV4, ethernet, tag, udp, v4};
use support::nets::{Net, Pair};
use support::taps::{BOTH, attach, drain, load};
use swarmtrace::capture::{AttachMode, Capture, LoadOptions, POLL};
use swarmtrace::topology::taps::TapSite;
use swarmtrace_common::{Direction, PacketEvent, PacketFlags, Settings, TcpFlags};

/// How many TCP events have these flags, at a tap, in a direction.
fn count(events: &[PacketEvent], site: &TapSite, direction: Direction, bits: TcpFlags) -> usize {
    let at = events.iter().filter(|event| {
        (event.netns, event.ifindex) == (site.at.namespace, site.at.ifindex)
            && event.direction() == direction
    });
    at.filter(|event| event.tcp_flags & (TcpFlags::SYN | TcpFlags::ACK | TcpFlags::FIN) == bits)
        .count()
}

#[test]
fn a_connection_is_seen_at_every_tap() {
    needs!(Root, Btf);
    let folder = tempfile::tempdir().unwrap();
    for mode in BOTH {
        for address in ["10.99.0.2", "fd99::2"] {
            let pair = Pair::new();
            let sites = pair.sites();
            let settings = Settings {
                vxlan_port: 4789,
                match_any: 1,
                ..Settings::default()
            };
            let mut capture = load(mode, folder.path(), settings);
            attach(&mut capture, &sites);
            // Enough for non-linear super-packets.
            pair.exchange(address, 8080, 300_000);
            let events = drain(&mut capture);
            let events: Vec<_> = (events.into_iter())
                .filter(|event| event.tuple.protocol == 6)
                .collect();
            let [left, right] = &sites[..] else { panic!() };
            use Direction::{Egress, Ingress};
            for (site, direction) in [(left, Egress), (right, Ingress)] {
                assert_eq!(count(&events, site, direction, TcpFlags::SYN), 1);
            }
            for (site, direction) in [(right, Egress), (left, Ingress)] {
                assert_eq!(
                    count(&events, site, direction, TcpFlags::SYN | TcpFlags::ACK),
                    1
                );
            }
            let first: Vec<_> = (events.iter())
                .filter(|event| event.has(PacketFlags::FIRST_DATA))
                .collect();
            assert_eq!(first.len(), 4, "one each way at two taps: {first:#?}");
            assert!(first.iter().all(|event| event.payload_length > 0));
            for event in &events {
                assert!(event.has(PacketFlags::TIMESTAMPS) && event.tsval != 0);
                assert_eq!(event.has(PacketFlags::IPV6), address.contains(':'));
                let there = event.tuple.destination().to_string();
                let back = event.tuple.source().to_string();
                assert!(there.ends_with(":8080") != back.ends_with(":8080"));
            }
            // Time only goes forward along the way of the SYN.
            let syn = |site: &TapSite| {
                let mut at = events.iter().filter(|e| e.tcp_flags == TcpFlags::SYN);
                at.find(|e| e.netns == site.at.namespace).unwrap().time
            };
            assert!(syn(left) < syn(right));
            assert_eq!(capture.counters().unwrap().lost(), 0);
            capture.detach_all().unwrap();
            capture.detach_all().unwrap();
        }
    }
}

#[test]
fn conntrack_shows_the_address_translation() {
    needs!(Root, Btf);
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    pair.left.exec(&[
        "iptables",
        "-t",
        "nat",
        "-A",
        "OUTPUT",
        "-p",
        "tcp",
        "-d",
        "10.99.0.77",
        "--dport",
        "8081",
        "-j",
        "DNAT",
        "--to",
        "10.99.0.2:8080",
    ]);
    let mut capture = load(AttachMode::Auto, folder.path(), everything());
    if let Some(reason) = capture.no_conntrack() {
        panic!("this test needs conntrack: {reason}");
    }
    let sites = pair.sites();
    attach(&mut capture, &sites);
    let listener = pair
        .right
        .inside(|| std::net::TcpListener::bind("10.99.0.2:8080").unwrap());
    pair.left
        .inside(|| std::net::TcpStream::connect("10.99.0.77:8081").unwrap());
    drop(listener);
    let events = drain(&mut capture);
    let syn = events.iter().find(|event| event.tcp_flags == TcpFlags::SYN);
    let syn = syn.unwrap();
    assert_eq!(syn.direction(), Direction::Egress);
    assert!(syn.has(PacketFlags::CONNTRACK) && !syn.has(PacketFlags::CONNTRACK_REPLY));
    let (original, reply) = syn.conntrack().unwrap();
    assert_eq!(original.destination().to_string(), "10.99.0.77:8081");
    assert_eq!(reply.source().to_string(), "10.99.0.2:8080");
    assert_eq!((original.protocol, reply.protocol), (6, 6));
    assert_eq!(original.source(), syn.tuple.source());
    assert_eq!(syn.tuple.destination().to_string(), "10.99.0.2:8080");
    // At ingress no entry is attached yet.
    let there = events
        .iter()
        .find(|event| event.tcp_flags == TcpFlags::SYN && event.direction() == Direction::Ingress);
    assert!(!there.unwrap().has(PacketFlags::CONNTRACK));
}

/// Sends a frame as it is out of a device.
fn inject(site: &TapSite, frame: &[u8]) {
    // SAFETY: plain system calls; the address is zeroed, then filled in, and its
    // true size is given.
    unsafe {
        let socket = libc::socket(libc::AF_PACKET, libc::SOCK_RAW, 0);
        assert!(socket >= 0);
        let mut address: libc::sockaddr_ll = std::mem::zeroed();
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = site.at.ifindex as i32;
        address.sll_halen = 6;
        let size = size_of::<libc::sockaddr_ll>() as u32;
        let (data, length) = (frame.as_ptr().cast(), frame.len());
        let sent = libc::sendto(socket, data, length, 0, (&raw const address).cast(), size);
        assert_eq!(sent, frame.len() as isize);
        libc::close(socket);
    }
}

#[test]
fn tags_in_the_frame_and_beside_it() {
    needs!(Root, Btf);
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    let sites = pair.sites();
    let mut capture = load(AttachMode::Auto, folder.path(), everything());
    attach(&mut capture, &sites);
    let packet = v4([10, 98, 0, 1], [10, 98, 0, 2]).packet(17, &udp(5, 999, b"12345678"));
    let frame = ethernet(0x8100, &tag(42, 0x8100, &tag(43, IPV4, &packet)));
    pair.left.inside(|| inject(&sites[0], &frame));
    let events = drain(&mut capture);
    // At egress the tags are in the frame; on its way in, the kernel takes the
    // outer one out and keeps it beside the frame.
    for (site, direction, length) in [
        (&sites[0], Direction::Egress, frame.len()),
        (&sites[1], Direction::Ingress, frame.len() - 4),
    ] {
        let mut at = events.iter().filter(|event| event.tuple.dst_port == 999);
        let event = at.find(|event| event.netns == site.at.namespace).unwrap();
        assert_eq!((event.vlan, event.has(PacketFlags::VLAN)), (42, true));
        assert_eq!((event.payload_length, event.direction()), (8, direction));
        assert_eq!(event.length as usize, length);
    }
}

#[test]
fn devices_without_ethernet() {
    needs!(Root, Btf);
    let folder = tempfile::tempdir().unwrap();
    let net = Net::new();
    net.ip(&["tuntap", "add", "dev", "tun0", "mode", "tun"]);
    net.ip(&["addr", "add", "10.97.0.1/24", "dev", "tun0"]);
    net.ip(&["link", "set", "tun0", "up"]);
    let site = net.site("tun0");
    assert!(!site.has_ethernet);
    for mode in BOTH {
        let mut capture = load(mode, folder.path(), everything());
        attach(&mut capture, std::slice::from_ref(&site));
        net.inside(|| {
            let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            let _ = socket.send_to(b"12345678", "10.97.0.2:998");
        });
        let events = drain(&mut capture);
        let event = events.iter().find(|event| event.tuple.dst_port == 998);
        let event = event.unwrap();
        assert_eq!(event.tuple.destination().to_string(), "10.97.0.2:998");
        assert_eq!((event.direction(), event.length), (Direction::Egress, 36));
        assert_eq!(event.payload_length, 8);
    }
}

#[tokio::test]
async fn events_arrive_soon() {
    needs!(Root, Btf);
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    let mut capture = load(AttachMode::Auto, folder.path(), everything());
    attach(&mut capture, &pair.sites());
    let mut reader = capture.events().unwrap().into_reader(POLL).unwrap();
    assert!(capture.events().is_none(), "there is one");
    let mut events = Vec::new();
    while tokio::time::timeout(Duration::from_millis(50), reader.next(&mut events))
        .await
        .is_ok()
    {}
    events.clear();
    pair.left.inside(|| {
        let socket = std::net::UdpSocket::bind("10.99.0.1:0").unwrap();
        socket.send_to(b"question", "10.99.0.2:9").unwrap();
    });
    // The datagram and the answering ICMP error, at two taps each.
    while events.len() < 4 {
        let wait = reader.next(&mut events);
        tokio::time::timeout(Duration::from_secs(1), wait)
            .await
            .unwrap()
            .unwrap();
    }
    // A burst is not lost and not late.
    pair.exchange("10.99.0.2", 8080, 100_000);
    let mut last = events.len();
    loop {
        let wait = reader.next(&mut events);
        if tokio::time::timeout(Duration::from_millis(100), wait)
            .await
            .is_err()
        {
            break;
        }
        assert!(events.len() > last);
        last = events.len();
    }
    let counters = capture.counters().unwrap();
    assert_eq!(counters.reported(), counters.matched());
    assert_eq!((reader.ignored(), counters.lost()), (0, 0));
}

#[test]
fn diagnostics_of_the_kernel_side_load_and_log() {
    needs!(Root, Btf);
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    let mut capture = Capture::load(&LoadOptions {
        settings: everything(),
        verbose: true,
        run_dir: folder.path().to_owned(),
        ..LoadOptions::default()
    })
    .unwrap();
    attach(&mut capture, &pair.sites());
    pair.exchange("10.99.0.2", 8080, 10);
    assert!(drain(&mut capture).len() > 8);
}

#[test]
fn without_root_it_says_so() {
    needs!(Root, Btf);
    // A thread alone may give its rights up.
    std::thread::spawn(|| {
        let nobody = 65_534_u32;
        // SAFETY: three numbers; the raw call changes this thread only.
        let changed = unsafe { libc::syscall(libc::SYS_setresuid, nobody, nobody, nobody) };
        assert_eq!(changed, 0);
        let error = Capture::load(&LoadOptions::default()).err().unwrap();
        assert!(error.to_string().contains("sudo"), "{error}");
    })
    .join()
    .unwrap();
}
