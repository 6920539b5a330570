//! `swarmtrace topology` in a node built from network namespaces, wired as
//! Docker wires them, without Docker. Needs root; skipped without.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use needs::needs;
use serde_json::Value;
use std::process::{Command, Output};
use swarmtrace_programs as programs;

/// Namespaces that are gone when the test is.
struct Replica {
    prefix: String,
}

const NAMESPACES: [&str; 6] = ["node", "sbox", "lb", "ov", "task", "far"];

impl Replica {
    fn new() -> Self {
        let replica = Self {
            prefix: format!("swt{}", std::process::id()),
        };
        for name in NAMESPACES {
            ip(&format!("netns add {}", replica.name(name)));
            replica.ip(name, "link set lo up");
        }
        // The underlay, to a node that is not looked at.
        replica.veth("node", "eth0", "far", "eth0");
        replica.ip("node", "addr add 192.168.50.1/24 dev eth0");
        replica.ip("node", "link set eth0 up");
        // The gateway bridge, with the mesh's sandbox and a task on it.
        replica.ip("node", "link add docker_gwbridge type bridge");
        replica.ip("node", "addr add 172.18.0.1/16 dev docker_gwbridge");
        replica.ip("node", "link set docker_gwbridge up");
        replica.port(
            "node",
            "docker_gwbridge",
            "vetha",
            "sbox",
            "eth1",
            "172.18.0.2/16",
        );
        replica.port(
            "node",
            "docker_gwbridge",
            "vethb",
            "task",
            "eth1",
            "172.18.0.3/16",
        );
        // An overlay; its VXLAN device comes from the node's namespace.
        replica.ip("ov", "link add br0 type bridge");
        replica.ip("ov", "addr add 10.0.0.1/24 dev br0");
        replica.ip(
            "node",
            "link add vx-001000-abcde type vxlan id 4096 dstport 4789 proxy l2miss l3miss",
        );
        let ov = replica.name("ov");
        replica.ip("node", &format!("link set vx-001000-abcde netns {ov}"));
        replica.ip("ov", "link set vx-001000-abcde name vxlan0 master br0 up");
        replica.port("ov", "br0", "veth0", "sbox", "eth0", "10.0.0.2/24");
        replica.port("ov", "br0", "veth1", "task", "eth0", "10.0.0.7/24");
        replica.port("ov", "br0", "veth2", "lb", "eth0", "10.0.0.4/24");
        replica.ip("sbox", "addr add 10.0.0.5/32 dev eth0");
        let mac = "02:42:0a:00:00:08";
        replica.ip(
            "ov",
            &format!("neigh add 10.0.0.8 lladdr {mac} dev vxlan0 nud permanent"),
        );
        let fdb = format!("fdb add {mac} dev vxlan0 self permanent dst 192.168.50.2");
        run(programs::required("bridge")
            .arg("-n")
            .arg(ov)
            .args(fdb.split(' ')));
        replica
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn ip(&self, namespace: &str, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.name(namespace)));
    }

    fn veth(&self, a: &str, a_device: &str, b: &str, b_device: &str) {
        let (a, b) = (self.name(a), self.name(b));
        ip(&format!(
            "link add {a_device} netns {a} type veth peer name {b_device} netns {b}"
        ));
    }

    fn port(&self, a: &str, bridge: &str, port: &str, b: &str, device: &str, address: &str) {
        self.veth(a, port, b, device);
        self.ip(a, &format!("link set {port} master {bridge} up"));
        self.ip(b, &format!("addr add {address} dev {device}"));
        self.ip(b, &format!("link set {device} up"));
    }

    /// Runs swarmtrace on the node: in its namespace, with a `/run` in which
    /// the namespaces have the names that Docker gives them.
    fn swarmtrace(&self, arguments: &str, host_mode: bool) -> Output {
        let netns = tempfile::tempdir().unwrap();
        let mut script = String::from("set -e\n");
        let mut files = vec![
            ("sbox", "ingress_sbox"),
            ("lb", "lb_f0l1ik19u"),
            ("task", "8ce9af88d95a"),
            ("node", "default"),
            ("ov", "1-f0l1ik19u8"),
        ];
        if host_mode {
            // Another name of the node's own namespace.
            files.push(("node", "1-qookufxbbm"));
        }
        for (namespace, file) in files {
            let file = netns.path().join(file);
            std::fs::write(&file, "").unwrap();
            let (from, to) = (self.name(namespace), file.display());
            script += &format!("mount --bind /run/netns/{from} {to}\n");
        }
        script += &format!(
            "mount -t tmpfs none /run\nmkdir -p /run/docker/netns\n\
             mount --rbind {} /run/docker/netns\nexec {} {arguments}\n",
            netns.path().display(),
            env!("CARGO_BIN_EXE_swarmtrace"),
        );
        // `ip netns exec` gives a mount namespace of its own: nothing is left.
        let mut command = programs::required("ip");
        command.args(["netns", "exec", &self.name("node"), "sh", "-c", &script]);
        command.env_remove("DOCKER_HOST").output().unwrap()
    }

    fn json(&self, host_mode: bool) -> Value {
        let output = self.swarmtrace("topology --output json", host_mode);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        assert!(text.contains("Docker cannot be reached"), "{text}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        for name in NAMESPACES {
            let _ = (programs::required("ip").args(["netns", "del"]))
                .arg(self.name(name))
                .output();
        }
    }
}

fn ip(arguments: &str) {
    run(programs::required("ip").args(arguments.split(' ')));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
}

fn namespace<'a>(topology: &'a Value, name: &str) -> &'a Value {
    let all = topology["namespaces"].as_array().unwrap();
    let found = all.iter().find(|n| n["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:#?}"))
}

fn device<'a>(namespace: &'a Value, name: &str) -> &'a Value {
    let all = namespace["devices"].as_array().unwrap();
    let found = all.iter().find(|d| d["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:#?}"))
}

#[test]
fn a_node_without_docker() {
    needs!(Root);
    let replica = Replica::new();
    let topology = replica.json(false);
    assert_eq!(topology["docker"], Value::Null);
    assert_eq!(topology["namespaces"].as_array().unwrap().len(), 5);
    let kind = |name: &str| namespace(&topology, name)["kind"]["is"].clone();
    assert_eq!(kind("host"), "host");
    assert_eq!(kind("ingress_sbox"), "ingress_sandbox");
    assert_eq!(kind("lb_f0l1ik19u"), "load_balancer");
    assert_eq!(kind("1-f0l1ik19u8"), "overlay");
    assert_eq!(kind("8ce9af88d95a"), "container");

    let overlay = namespace(&topology, "1-f0l1ik19u8");
    let vxlan = device(overlay, "vxlan0");
    assert_eq!(vxlan["kind"]["vni"], 4096);
    assert_eq!(vxlan["kind"]["port"], 4789);
    assert_eq!(vxlan["master"], device(overlay, "br0")["ifindex"]);
    assert_eq!(overlay["fdb"][0]["vtep"], "192.168.50.2");
    assert_eq!(overlay["fdb"][0]["mac"], "02:42:0a:00:00:08");
    assert_eq!(overlay["neighbours"][0]["address"], "10.0.0.8");
    assert_eq!(overlay["neighbours"][0]["state"], "permanent");

    // Pairs across namespaces, each side naming the other.
    for (a, a_device, b, b_device) in [
        ("ingress_sbox", "eth0", "1-f0l1ik19u8", "veth0"),
        ("ingress_sbox", "eth1", "host", "vetha"),
        ("8ce9af88d95a", "eth0", "1-f0l1ik19u8", "veth1"),
        ("8ce9af88d95a", "eth1", "host", "vethb"),
    ] {
        let (a, b) = (namespace(&topology, a), namespace(&topology, b));
        let (a_device, b_device) = (device(a, a_device), device(b, b_device));
        for (here, there, at) in [(a_device, b_device, b), (b_device, a_device, a)] {
            assert_eq!(here["kind"]["peer"]["ifindex"], there["ifindex"]);
            assert_eq!(here["kind"]["peer"]["namespace"], at["inode"]);
        }
    }
    // Its other end is in a namespace that no file leads to.
    let nic = device(namespace(&topology, "host"), "eth0");
    assert_eq!(nic["kind"]["peer"], Value::Null);
    assert_eq!(nic["addresses"][0], "192.168.50.1/24");
    assert_eq!(topology["networks"][0]["load_balancer"], "10.0.0.2");
    assert_eq!(topology["networks"][0]["ingress"], true);

    let again = replica.json(true);
    assert_eq!(
        again["namespaces"].as_array().unwrap().len(),
        5,
        "host mode"
    );
    let text = replica.swarmtrace("topology", false);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("↔ ingress_sbox eth0"), "{text}");
    assert!(!text.contains('\u{1b}'), "colour in a pipe: {text}");
    let dot = replica.swarmtrace("topology --output dot", false);
    assert!(String::from_utf8_lossy(&dot.stdout).starts_with("graph swarm {"));
}

#[test]
fn without_rights_one_line_says_what_to_do() {
    needs!(Root);
    // The binary may lie where only root can reach it.
    let place = tempfile::tempdir_in("/tmp").unwrap();
    let binary = place.path().join("swarmtrace");
    std::fs::copy(env!("CARGO_BIN_EXE_swarmtrace"), &binary).unwrap();
    run(programs::required("chmod")
        .arg("755")
        .arg(place.path())
        .arg(&binary));
    let output = (programs::required("setpriv").args(["--reuid=65534", "--clear-groups"]))
        .arg(&binary)
        .arg("topology")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.starts_with("swarmtrace: ") && text.contains("sudo"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    needs!(Root);
    let script = format!(
        "set -o pipefail; {} topology 2>/dev/null | true",
        env!("CARGO_BIN_EXE_swarmtrace")
    );
    run(programs::required("bash").arg("-c").arg(script));
}
