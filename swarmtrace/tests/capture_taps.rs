//! Taps in real network namespaces: what they see, and that nothing of them
//! stays behind. Needs root, `ip` and `tc`.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::everything;
use support::frames::{IPV4, ethernet, tag, udp, v4};
use support::nets::{Net, Pair};
use swarmtrace::capture::{AttachMode, Capture, LoadOptions, TapSite, cleanup};
use swarmtrace_common::{Direction, PacketEvent, Settings, flags, tcp};

const BOTH: [AttachMode; 2] = [AttachMode::Tcx, AttachMode::Clsact];

fn load(attach: AttachMode, run_dir: &Path, settings: Settings) -> Capture {
    Capture::load(&LoadOptions {
        ring_bytes: 1 << 20,
        settings,
        attach,
        run_dir: run_dir.to_owned(),
        ..LoadOptions::default()
    })
    .unwrap_or_else(|error| panic!("kernel tests need root and BTF: {error}"))
}

fn attach(capture: &mut Capture, sites: &[TapSite]) {
    let changes = capture.reconcile(sites).unwrap();
    assert_eq!(changes.failed, [], "{changes:?}");
    assert_eq!(capture.attached().count(), sites.len());
}

fn drain(capture: &mut Capture) -> Vec<PacketEvent> {
    // What a test has done is in the ring buffer when it returns, but for the
    // last acknowledgments of a closed connection.
    std::thread::sleep(Duration::from_millis(100));
    let mut events = Vec::new();
    capture.events().unwrap().drain(&mut events);
    events
}

/// How many TCP events have these flags, at a tap, in a direction.
fn count(events: &[PacketEvent], site: &TapSite, direction: Direction, bits: u8) -> usize {
    let at = events.iter().filter(|event| {
        (event.netns, event.ifindex) == (site.netns_inode, site.ifindex)
            && event.direction() == direction
    });
    at.filter(|event| event.tcp_flags & (tcp::SYN | tcp::ACK | tcp::FIN) == bits)
        .count()
}

/// Somebody else's filter, which matches every packet, counts it, and copies it
/// to where nobody cares.
fn others_filter(net: &Net, device: &str, side: &str, priority: &str) {
    let words = ["filter", "add", "dev", device, side, "prio", priority];
    let what = ["u32", "match", "u32", "0", "0"];
    let action = ["action", "mirred", "egress", "mirror", "dev", "lo"];
    net.tc(&[&words[..], &what, &action].concat());
}

#[test]
fn a_connection_is_seen_at_every_tap() {
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
                assert_eq!(count(&events, site, direction, tcp::SYN), 1);
            }
            for (site, direction) in [(right, Egress), (left, Ingress)] {
                assert_eq!(count(&events, site, direction, tcp::SYN | tcp::ACK), 1);
            }
            let first: Vec<_> = (events.iter())
                .filter(|event| event.has(flags::FIRST_DATA))
                .collect();
            assert_eq!(first.len(), 4, "one each way at two taps: {first:#?}");
            assert!(first.iter().all(|event| event.payload_length > 0));
            for event in &events {
                assert!(event.has(flags::TIMESTAMPS) && event.tsval != 0);
                assert_eq!(event.has(flags::IPV6), address.contains(':'));
                let there = event.tuple.destination().to_string();
                let back = event.tuple.source().to_string();
                assert!(there.ends_with(":8080") != back.ends_with(":8080"));
            }
            // Time only goes forward along the way of the SYN.
            let syn = |site: &TapSite| {
                let mut at = events.iter().filter(|e| e.tcp_flags == tcp::SYN);
                at.find(|e| e.netns == site.netns_inode).unwrap().time
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
    let syn = events.iter().find(|event| event.tcp_flags == tcp::SYN);
    let syn = syn.unwrap();
    assert_eq!(syn.direction(), Direction::Egress);
    assert!(syn.has(flags::CONNTRACK) && !syn.has(flags::CONNTRACK_REPLY));
    let (original, reply) = syn.conntrack().unwrap();
    assert_eq!(original.destination().to_string(), "10.99.0.77:8081");
    assert_eq!(reply.source().to_string(), "10.99.0.2:8080");
    assert_eq!((original.protocol, reply.protocol), (6, 6));
    assert_eq!(original.source(), syn.tuple.source());
    assert_eq!(syn.tuple.destination().to_string(), "10.99.0.2:8080");
    // At ingress no entry is attached yet.
    let there = events
        .iter()
        .find(|event| event.tcp_flags == tcp::SYN && event.direction() == Direction::Ingress);
    assert!(!there.unwrap().has(flags::CONNTRACK));
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
        address.sll_ifindex = site.ifindex as i32;
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
        let event = at.find(|event| event.netns == site.netns_inode).unwrap();
        assert_eq!((event.vlan, event.has(flags::VLAN)), (42, true));
        assert_eq!((event.payload_length, event.direction()), (8, direction));
        assert_eq!(event.length as usize, length);
    }
}

#[test]
fn devices_without_ethernet() {
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

#[test]
fn other_programs_on_the_hook_still_run() {
    let folder = tempfile::tempdir().unwrap();
    for mode in BOTH {
        let pair = Pair::new();
        pair.left.tc(&["qdisc", "add", "dev", "left0", "clsact"]);
        for side in ["ingress", "egress"] {
            others_filter(&pair.left, "left0", side, "60000");
        }
        let mut capture = load(mode, folder.path(), everything());
        attach(&mut capture, &pair.sites());
        pair.exchange("10.99.0.2", 8080, 1000);
        for side in ["ingress", "egress"] {
            let counts = pair
                .left
                .tc(&["-s", "filter", "show", "dev", "left0", side]);
            assert!(counts.contains("Sent "), "{counts}");
            assert!(!counts.contains("Sent 0 bytes"), "{side}: {counts}");
        }
        capture.detach_all().unwrap();
        assert!(pair.left.has_clsact("left0"), "it was there before us");
        let left = pair.left.filters("left0");
        assert!(
            left.contains("u32") && !left.contains("swarmtrace"),
            "{left}"
        );
        assert!(!pair.right.has_clsact("right0"), "this one was ours");
    }
}

#[test]
fn clsact_stays_for_whoever_came_after_us() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    let mut capture = load(AttachMode::Clsact, folder.path(), everything());
    attach(&mut capture, &pair.sites());
    let filters = pair.left.filters("left0");
    assert!(filters.contains("pref 50000"), "{filters}");
    assert!(filters.contains("swarmtrace_in") && filters.contains("swarmtrace_out"));
    others_filter(&pair.left, "left0", "egress", "9");
    drop(capture);
    assert!(pair.left.has_clsact("left0") && !pair.right.has_clsact("right0"));
    let filters = pair.left.filters("left0");
    assert!(filters.contains("u32") && !filters.contains("swarmtrace"));
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "no journal"
    );
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    for (first_mode, second_mode) in [
        (AttachMode::Clsact, AttachMode::Clsact),
        (AttachMode::Tcx, AttachMode::Clsact),
        (AttachMode::Tcx, AttachMode::Tcx),
    ] {
        let pair = Pair::new();
        let mut first = load(first_mode, folder.path(), everything());
        attach(&mut first, &pair.sites());
        // Loading cleans up after dead runs, which the first is not.
        let mut second = load(second_mode, folder.path(), everything());
        attach(&mut second, &pair.sites());
        pair.exchange("10.99.0.2", 8080, 10);
        assert!(drain(&mut first).len() > 8);
        drop(first);
        pair.exchange("10.99.0.2", 8081, 10);
        let events = drain(&mut second);
        let seen = |port| events.iter().any(|event| event.tuple.dst_port == port);
        assert!(seen(8080) && seen(8081));
        drop(second);
        assert!(!pair.left.has_clsact("left0") && !pair.right.has_clsact("right0"));
    }
}

#[test]
fn devices_and_namespaces_may_vanish_and_come_back() {
    let folder = tempfile::tempdir().unwrap();
    for mode in BOTH {
        let pair = Pair::new();
        let mut capture = load(mode, folder.path(), everything());
        let sites = pair.sites();
        attach(&mut capture, &sites);
        assert_eq!(capture.reconcile(&sites).unwrap(), Default::default());
        // Both ends of the pair go.
        pair.left.ip(&["link", "del", "left0"]);
        let changes = capture.reconcile(&sites).unwrap();
        assert_eq!(changes.detached.len(), 2);
        assert_eq!(changes.failed.len(), 2, "wanted, but gone: {changes:?}");
        assert_eq!(capture.attached().count(), 0);

        // Another device under the same index and namespace is another tap.
        let net = Net::new();
        let add = [
            "link", "add", "port0", "index", "77", "type", "veth", "peer", "name", "port1",
        ];
        net.ip(&add);
        let site = net.site("port0");
        attach(&mut capture, std::slice::from_ref(&site));
        net.ip(&["link", "del", "port0"]);
        net.ip(&add);
        let changes = capture.reconcile(std::slice::from_ref(&site)).unwrap();
        assert_eq!(changes.attached, [site.id()], "{changes:?}");
        assert_eq!(changes.detached, [site.id()]);
        // Somebody removes our filter.
        if mode == AttachMode::Clsact {
            net.tc(&["qdisc", "del", "dev", "port0", "clsact"]);
            let changes = capture.reconcile(std::slice::from_ref(&site)).unwrap();
            assert_eq!(changes.attached, [site.id()], "{changes:?}");
            net.tc(&["filter", "del", "dev", "port0", "egress"]);
            let changes = capture.reconcile(std::slice::from_ref(&site)).unwrap();
            assert_eq!(changes.attached, [site.id()], "{changes:?}");
            capture.detach_all().unwrap();
            assert!(!net.has_clsact("port0"), "it was ours all the time");
            attach(&mut capture, std::slice::from_ref(&site));
        }
        // The namespace goes, with and without being asked about.
        drop(net);
        let changes = capture.reconcile(&[]).unwrap();
        assert_eq!((changes.detached.len(), changes.failed), (1, vec![]));
        let net = Net::new();
        net.ip(&add);
        attach(&mut capture, &[net.site("port0")]);
        drop(net);
        capture.detach_all().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_path_that_leads_elsewhere_is_not_entered() {
    let folder = tempfile::tempdir().unwrap();
    let (net, other) = (Net::new(), Net::new());
    net.ip(&[
        "link", "add", "port0", "type", "veth", "peer", "name", "port1",
    ]);
    let mut site = net.site("port0");
    site.netns_path = other.path();
    let mut capture = load(AttachMode::Auto, folder.path(), everything());
    let changes = capture.reconcile(&[site]).unwrap();
    assert!(
        changes.failed[0].1.contains("another namespace"),
        "{changes:?}"
    );
}

/// Not a test: what [`a_killed_run_is_cleaned_up_after`] starts and kills.
#[test]
#[ignore = "started by another test"]
fn child_that_waits() {
    let read = |name| std::env::var(name).unwrap();
    let site = TapSite {
        netns_inode: read("SWT_INODE").parse().unwrap(),
        netns_path: PathBuf::from(read("SWT_PATH")),
        ifindex: read("SWT_IFINDEX").parse().unwrap(),
        device: String::from("port0"),
        has_ethernet: true,
    };
    let mode = if read("SWT_MODE") == "tcx" {
        AttachMode::Tcx
    } else {
        AttachMode::Clsact
    };
    let mut capture = load(mode, Path::new(&read("SWT_RUN_DIR")), everything());
    attach(&mut capture, &[site]);
    std::fs::write(read("SWT_READY"), "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

fn start_child(mode: &str, site: &TapSite, folder: &Path, name: &str) -> Child {
    let ready = folder.join(name);
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_waits"])
        .env("SWT_MODE", mode)
        .env("SWT_INODE", site.netns_inode.to_string())
        .env("SWT_PATH", &site.netns_path)
        .env("SWT_IFINDEX", site.ifindex.to_string())
        .env("SWT_RUN_DIR", folder.join("run"))
        .env("SWT_READY", &ready)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while !ready.exists() {
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "the child is stuck"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_run_is_cleaned_up_after() {
    let folder = tempfile::tempdir().unwrap();
    let run_dir = folder.path().join("run");
    let net = Net::new();
    net.ip(&[
        "link", "add", "port0", "type", "veth", "peer", "name", "port1",
    ]);
    let site = net.site("port0");

    // A tcx link is gone with its process.
    kill(start_child("tcx", &site, folder.path(), "tcx"));
    let attached = net.exec(&["bpftool", "net", "show"]);
    assert!(!attached.contains("swarmtrace"), "{attached}");

    // A filter is not; another live run's is not touched.
    let dead = start_child("clsact", &site, folder.path(), "dead");
    let live = start_child("clsact", &site, folder.path(), "live");
    others_filter(&net, "port0", "ingress", "7");
    assert_eq!(
        net.filters("port0")
            .matches("swarmtrace_in direct-action")
            .count(),
        2
    );
    assert_eq!(cleanup(&run_dir).unwrap(), Default::default(), "both live");
    kill(dead);
    assert_eq!(
        net.filters("port0")
            .matches("swarmtrace_in direct-action")
            .count(),
        2
    );
    let result = cleanup(&run_dir).unwrap();
    assert_eq!((result.dead_runs, result.swept), (1, vec![site.id()]));
    assert_eq!(
        net.filters("port0")
            .matches("swarmtrace_in direct-action")
            .count(),
        1
    );
    assert_eq!(
        net.filters("port0")
            .matches("swarmtrace_out direct-action")
            .count(),
        1
    );

    // The next start cleans up by itself, and leaves other people's filters.
    kill(live);
    drop(load(AttachMode::Auto, &run_dir, everything()));
    let filters = net.filters("port0");
    assert!(!filters.contains("swarmtrace"), "{filters}");
    assert!(filters.contains("u32") && net.has_clsact("port0"));

    // clsact that a dead run had added goes when nobody else uses it.
    net.tc(&["qdisc", "del", "dev", "port0", "clsact"]);
    kill(start_child("clsact", &site, folder.path(), "alone"));
    assert!(net.has_clsact("port0"));
    cleanup(&run_dir).unwrap();
    assert!(!net.has_clsact("port0"));

    // And a dead run's namespace may be gone.
    kill(start_child("clsact", &site, folder.path(), "gone"));
    drop(net);
    let result = cleanup(&run_dir).unwrap();
    assert_eq!((result.dead_runs, result.failed), (1, vec![]));
    assert_eq!(std::fs::read_dir(&run_dir).unwrap().count(), 0);
}

#[tokio::test]
async fn events_arrive_soon() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    let mut capture = load(AttachMode::Auto, folder.path(), everything());
    attach(&mut capture, &pair.sites());
    let mut reader = capture.events().unwrap().into_reader().unwrap();
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
