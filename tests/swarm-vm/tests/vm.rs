//! The VM against itself: what the library promises, on a real Swarm.
//!
//! Part of `cargo xtask test`. By itself, as root, one at a time:
//! `SWARMTRACE_TESTS_ALL=1 cargo test -p swarm-vm --test vm -- --test-threads 1`

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use needs::needs;
use swarm_vm::{Config, Layout, Node, Vm};

fn config(layout: Layout) -> Config {
    Config {
        layout,
        name: "selftest".to_owned(),
        stop_on_drop: true,
        ..Config::default()
    }
}

/// What holds for one VM and for two.
fn promises(vm: &mut Vm) {
    // exit code, standard output and standard error, each apart
    let out = vm
        .exec(Node::B, &["sh", "-c", "echo out; echo err >&2; exit 7"])
        .unwrap();
    assert_eq!(
        (out.status, out.stdout_text(), out.stderr_text()),
        (7, "out\n".into(), "err\n".into())
    );
    assert_eq!(
        vm.exec(Node::A, &["sh", "-c", "kill -9 $$"])
            .unwrap()
            .status,
        137
    );
    assert!(
        vm.exec(Node::Vm, &["no-such-program"])
            .is_err_and(|e| format!("{e:#}").contains("no-such"))
            || {
                // with nsenter in between, that is what complains
                !vm.exec(Node::Vm, &["no-such-program"]).unwrap().success()
            }
    );

    // each node's own namespaces
    for (node, name) in [(Node::A, "node-a"), (Node::B, "node-b")] {
        assert_eq!(vm.sh(node, "hostname").unwrap(), format!("{name}\n"));
        assert!(
            vm.sh(node, "ip -4 addr show eth0")
                .unwrap()
                .contains(node.address())
        );
        assert!(
            vm.sh(node, "ls /var/run/docker/netns")
                .unwrap()
                .contains("ingress_sbox")
        );
        assert!(
            vm.sh(node, "docker info")
                .unwrap()
                .contains(&format!("Name: {name}"))
        );
    }
    assert!(
        vm.sh(Node::Vm, "ip -4 addr")
            .unwrap()
            .contains("192.168.90.254")
    );
    assert!(
        vm.sh(Node::A, "ls /sys/kernel/btf")
            .unwrap()
            .contains("ip_vs")
    );

    // input, limits, things left in the background
    let output = vm
        .exec_with(Node::A, &["cat"], b"hello", Duration::from_secs(10))
        .unwrap();
    assert_eq!(output.stdout, b"hello");
    let since = Instant::now();
    let late = vm.exec_with(Node::A, &["sleep", "7777"], b"", Duration::from_secs(1));
    assert!(format!("{:#}", late.unwrap_err()).contains("killed"));
    assert!(since.elapsed() < Duration::from_secs(3));
    std::thread::sleep(Duration::from_millis(500));
    assert!(
        !vm.sh(Node::A, "ps -w | cat")
            .unwrap()
            .contains("sleep 7777")
    );
    let since = Instant::now();
    assert_eq!(vm.sh(Node::B, "sleep 20 & echo done").unwrap(), "done\n");
    assert!(since.elapsed() < Duration::from_secs(10));
    let dump = vm
        .spawn(
            Node::B,
            &[
                "sh",
                "-c",
                "trap 'echo bye; exit 3' INT; echo up; while :; do sleep 0.1; done",
            ],
        )
        .unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let out = dump.interrupt(Duration::from_secs(10)).unwrap();
    assert_eq!((out.status, out.stdout_text()), (3, "up\nbye\n".into()));

    // files and folders, both ways
    let folder = tempfile::tempdir().unwrap();
    let big: Vec<u8> = (0..20_000_000u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    let local = folder.path().join("program");
    fs::write(&local, &big).unwrap();
    fs::set_permissions(&local, fs::Permissions::from_mode(0o751)).unwrap();
    vm.put(Node::B, &local, "/opt/new/program").unwrap();
    assert_eq!(
        vm.sh(Node::B, "stat -c '%a %s' /opt/new/program").unwrap(),
        "751 20000000\n"
    );
    vm.get(Node::B, "/opt/new/program", &folder.path().join("back"))
        .unwrap();
    assert!(fs::read(folder.path().join("back")).unwrap() == big);
    vm.sh(Node::A, "mkdir -p /tmp/d/e; echo 1 >/tmp/d/e/f")
        .unwrap();
    vm.get(Node::A, "/tmp/d", &folder.path().join("d")).unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("d/e/f")).unwrap(),
        "1\n"
    );
    vm.put(Node::A, &folder.path().join("d"), "/tmp/d2")
        .unwrap();
    assert_eq!(vm.sh(Node::A, "cat /tmp/d2/e/f").unwrap(), "1\n");
    assert!(
        vm.get(Node::A, "/no/such/file", &folder.path().join("x"))
            .is_err()
    );

    // the services
    for node in [Node::A, Node::B] {
        let address = node.address();
        let ask = |what: &str| vm.sh(Node::Vm, what).unwrap();
        assert!(ask(&format!("vmtool get {address} 8080")).starts_with("vote."));
        assert!(ask(&format!("vmtool get {address} 8081")).starts_with("hosted."));
        assert!(ask(&format!("vmtool udp-send {address} 9053 hi")).ends_with(" hi\n"));
        assert_eq!(
            ask(&format!("vmtool get {address} 8080 /bytes/100000 | wc -c")).trim(),
            "100000"
        );
    }

    // the cable
    vm.set_cable(Node::B, false).unwrap();
    assert!(
        !vm.exec(Node::Vm, &["ping", "-c1", "-W1", Node::B.address()])
            .unwrap()
            .success()
    );
    vm.set_cable(Node::B, true).unwrap();
    assert!(
        vm.exec(Node::Vm, &["ping", "-c3", "-W5", Node::B.address()])
            .unwrap()
            .success()
    );

    // and as if nothing had been
    vm.restore().unwrap();
    assert!(!vm.exec(Node::B, &["ls", "/opt/new"]).unwrap().success());
    let guest: f64 = vm.sh(Node::A, "date +%s").unwrap().trim().parse().unwrap();
    let host = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!((guest - host.as_secs_f64()).abs() < 3.0);
    let nodes = vm
        .sh(Node::A, "docker node ls --format '{{.Status}}'")
        .unwrap();
    assert_eq!(nodes, "Ready\nReady\n");
}

#[test]
fn one_vm_keeps_its_promises() {
    needs!(Vm);
    promises(&mut Vm::up(&config(Layout::OneVm)).unwrap());
}

#[test]
fn two_vms_keep_their_promises() {
    needs!(Vm);
    promises(&mut Vm::up(&config(Layout::TwoVms)).unwrap());
}

#[test]
fn dropping_ends_only_what_was_asked_for() {
    needs!(Vm);
    let vm = Vm::up(&config(Layout::OneVm)).unwrap();
    assert!(Vm::running("selftest").unwrap().is_some());
    drop(vm);
    assert!(Vm::running("selftest").unwrap().is_none());
    drop(
        Vm::up(&Config {
            stop_on_drop: false,
            ..config(Layout::OneVm)
        })
        .unwrap(),
    );
    assert!(Vm::end("selftest").unwrap());
    assert!(!Vm::end("selftest").unwrap());
}
