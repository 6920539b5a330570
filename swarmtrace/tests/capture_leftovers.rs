//! Taps leave nothing behind, touch nobody else's, and survive what happens to
//! the devices under them. Needs root, `ip`, `tc` and `bpftool`.

#![allow(
    clippy::unwrap_used,
    reason = "clippy only knows functions marked as tests"
)]

mod support;

use needs::needs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use support::everything;
use support::nets::{Net, Pair};
use support::taps::{BOTH, attach, drain, load};
use swarmtrace::capture::{AttachMode, Changes, Cleanup, cleanup};
use swarmtrace::topology::taps::TapSite;
use swarmtrace_programs as programs;

/// Somebody else's filter, which matches every packet, counts it, and copies it
/// to where nobody cares.
fn others_filter(net: &Net, device: &str, side: &str, priority: &str) {
    let words = ["filter", "add", "dev", device, side, "prio", priority];
    let what = ["u32", "match", "u32", "0", "0"];
    let action = ["action", "mirred", "egress", "mirror", "dev", "lo"];
    net.tc(&[&words[..], &what, &action].concat());
}

#[test]
fn other_programs_on_the_hook_still_run() {
    needs!(Root, Btf);
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
    needs!(Root, Btf);
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
    needs!(Root, Btf);
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
    needs!(Root, Btf);
    let folder = tempfile::tempdir().unwrap();
    for mode in BOTH {
        let pair = Pair::new();
        let mut capture = load(mode, folder.path(), everything());
        let sites = pair.sites();
        attach(&mut capture, &sites);
        assert_eq!(capture.reconcile(&sites).unwrap(), Changes::default());
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
        assert_eq!(changes.attached, [site.at], "{changes:?}");
        assert_eq!(changes.detached, [site.at]);
        // Somebody removes our filter.
        if mode == AttachMode::Clsact {
            net.tc(&["qdisc", "del", "dev", "port0", "clsact"]);
            let changes = capture.reconcile(std::slice::from_ref(&site)).unwrap();
            assert_eq!(changes.attached, [site.at], "{changes:?}");
            net.tc(&["filter", "del", "dev", "port0", "egress"]);
            let changes = capture.reconcile(std::slice::from_ref(&site)).unwrap();
            assert_eq!(changes.attached, [site.at], "{changes:?}");
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
    needs!(Root, Btf);
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
    needs!(Root, Btf);
    let read = |name| std::env::var(name).unwrap();
    let site = TapSite {
        at: swarmtrace::topology::DeviceRef {
            namespace: read("SWT_INODE").parse().unwrap(),
            ifindex: read("SWT_IFINDEX").parse().unwrap(),
        },
        netns_path: PathBuf::from(read("SWT_PATH")),
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
    std::thread::sleep(Duration::from_mins(1));
}

fn start_child(mode: &str, site: &TapSite, folder: &Path, name: &str) -> Child {
    let ready = folder.join(name);
    let child = programs::built(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_waits"])
        .env("SWT_MODE", mode)
        .env("SWT_INODE", site.at.namespace.to_string())
        .env("SWT_PATH", &site.netns_path)
        .env("SWT_IFINDEX", site.at.ifindex.to_string())
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
    needs!(Root, Btf);
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
    assert_eq!(cleanup(&run_dir).unwrap(), Cleanup::default(), "both live");
    kill(dead);
    assert_eq!(
        net.filters("port0")
            .matches("swarmtrace_in direct-action")
            .count(),
        2
    );
    let result = cleanup(&run_dir).unwrap();
    assert_eq!((result.dead_runs, result.swept), (1, vec![site.at]));
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
