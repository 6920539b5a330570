//! `swarmtrace doctor` on the real Swarm: silent where all is well, and where it
//! is not, each fault named with its place, shown by the command that confirms
//! it, and gone after the command that mends it.

use crate::swarm::{NODES, Swarm};
use serde_json::Value;
use std::collections::BTreeSet;
use swarm_vm::{Kernel, Node};

/// All that could be changed in the namespaces of a node. What changes by
/// itself is left out: counters, and entries that the kernel has learnt.
const STATE: &str = r#"
for file in /proc/self/ns/net /run/docker/netns/*; do
  echo "@ ${file##*/}"
  /usr/bin/nsenter --net=$file sh -c 'iptables-save | sed "/^#/d; s/\[[0-9:]*\]//"
    ipvsadm -Sn; ip neigh show nud permanent; bridge fdb show | grep permanent; ip -o link; ip -o address; ip route
    tc qdisc show; cat /proc/net/ip_tables_names; sysctl -a 2>/dev/null | grep -e "^net.ipv4" -e "^net.bridge"'
done 2>&1
ls /run/docker/netns; lsmod | cut -d" " -f1 | sort
"#;

/// What the faults are made of, by its name in the scripts; the longer of two
/// that begin alike comes first.
const NAMES: [&str; 9] = [
    "$mark_udp_lb",
    "$mark_udp",
    "$mark_lb",
    "$mark",
    "$far_lb",
    "$far",
    "$lb",
    "$overlay",
    "$mesh",
];

/// A fault: its finding's id, the namespace where it is found, and how it is made.
type Fault = (&'static str, &'static str, &'static str);

/// They do not hide each other, so one look finds them all.
const FAULTS: [Fault; 13] = [
    (
        "ipvs-destination-missing",
        "ingress_sbox",
        "within ingress_sbox ipvsadm -d -f $mark -r $far:0",
    ),
    (
        "stale-backend",
        "$lb",
        "within $lb ipvsadm -a -f $mark_lb -r 10.0.1.99:0 -m",
    ),
    (
        "ipvs-service-missing",
        "ingress_sbox",
        "within ingress_sbox iptables -t mangle -D PREROUTING -p udp --dport 9053 -j MARK --set-mark $mark_udp",
    ),
    (
        "ipvs-service-missing",
        "$lb",
        "within $lb ipvsadm -D -f $mark_udp_lb",
    ),
    (
        "fdb-missing",
        "$mesh",
        "within $mesh bridge fdb del $(mac $far) dev vxlan0 dst 192.168.90.2 self",
    ),
    (
        "neighbour-wrong",
        "$overlay",
        "within $overlay ip neigh replace $far_lb lladdr 02:42:0a:00:01:63 dev vxlan0 nud permanent",
    ),
    (
        "ingress-dnat-missing",
        "host",
        "iptables -t nat -D DOCKER-INGRESS -p tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:8080",
    ),
    (
        "forward-drop",
        "host",
        "iptables -I DOCKER-USER -o docker_gwbridge -p udp --dport 9053 -j DROP",
    ),
    (
        "vxlan-blocked-on-node",
        "host",
        "iptables -I INPUT -p udp --dport 4789 -j DROP",
    ),
    (
        "sandbox-ip-forward",
        "ingress_sbox",
        "within ingress_sbox sysctl -w net.ipv4.ip_forward=0",
    ),
    (
        "snat-missing",
        "$lb",
        "within $lb iptables -t nat -D POSTROUTING -d 10.0.1.0/24 -m ipvs --ipvs -j SNAT --to-source $(within $lb ip -4 -o address show eth0 | sed -n 's,.* \\(10[0-9.]*\\)/24.*,\\1,p')",
    ),
    (
        "ipvs-conn-reuse",
        "$lb",
        "within $lb sysctl -w net.ipv4.vs.conn_reuse_mode=1",
    ),
    (
        "overlay-mtu-mixed",
        "$mesh",
        "within $mesh ip link set vxlan0 mtu 1400",
    ),
];

/// The lines of [`STATE`], each with its namespace; their order is the kernel's.
fn of_each_namespace(state: &str) -> BTreeSet<(&str, &str)> {
    let mut namespace = "";
    let mut lines = BTreeSet::new();
    for line in state.lines() {
        namespace = line.strip_prefix("@ ").unwrap_or(namespace);
        lines.insert((namespace, line));
    }
    lines
}

/// Nothing wrong: nothing said, nothing changed, nothing left out.
/// Then everything wrong at once: all of it found, and mended by what doctor says.
pub fn doctor(kernel: Kernel) {
    let swarm = Swarm::up(kernel);
    let before = NODES.map(|node| swarm.sh(node, STATE));
    for node in NODES {
        let (status, report) = examine(&swarm, node);
        assert_eq!(report["findings"], Value::Array(vec![]), "{node}");
        assert_eq!(report["not_checked"], Value::Array(vec![]), "{node}");
        assert_eq!(status, 0, "{node}");
        // The node, both kinds of load balancer, and the tasks of vote and echo-udp.
        assert_eq!(report["namespaces"], 5, "{node}");
    }
    let after = NODES.map(|node| swarm.sh(node, STATE));
    for (before, after) in before.iter().zip(&after) {
        let [before, after] = [before, after].map(|state| of_each_namespace(state));
        let new: Vec<_> = after.difference(&before).collect();
        let gone: Vec<_> = before.difference(&after).collect();
        assert!(
            new.is_empty() && gone.is_empty(),
            "doctor has changed something: new {new:#?}, gone {gone:#?}"
        );
    }

    let (status, _, stderr) = swarm.swarmtrace(Node::A, &["doctor", "--service", "nosuch"]);
    assert_eq!(status, 2, "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains("nosuch") && stderr.contains("vote"),
        "{stderr}"
    );

    let values = values(&swarm);
    let fill = |text: &str| {
        let pairs = NAMES.iter().zip(&values);
        pairs.fold(text.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    };
    let helpers = "within() { file=/run/docker/netns/$1; shift; /usr/bin/nsenter --net=$file \"$@\"; }
        mac() { echo $1 | { IFS=. read a b c d; printf '02:42:%02x:%02x:%02x:%02x' $a $b $c $d; }; }\n";
    let breaking: Vec<String> = FAULTS.iter().map(|(_, _, script)| fill(script)).collect();
    swarm.sh(
        Node::A,
        &format!("set -e\n{helpers}{}", breaking.join("\n")),
    );
    let (status, report) = examine(&swarm, Node::A);
    assert_eq!(status, 1, "{report:#}");
    let findings = report["findings"].as_array().expect("findings");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found: BTreeSet<(String, String)> = (findings.iter())
        .map(|f| (text(&f["id"]), text(&f["where"]["namespace"])))
        .collect();
    let wanted: BTreeSet<(String, String)> = FAULTS
        .map(|(id, namespace, _)| (id.to_owned(), fill(namespace)))
        .into();
    assert_eq!(found, wanted, "{report:#}");
    assert_eq!(findings.len(), FAULTS.len(), "{report:#}");

    for finding in findings {
        let (what, fix) = (text(&finding["evidence"][0]), text(&finding["fix"]));
        let commands = finding["confirm"].as_array().expect("commands");
        let commands: Vec<String> = commands.iter().map(text).collect();
        let confirm = commands.join("; ").replace("sudo ", "");
        assert_ne!(swarm.sh(Node::A, &confirm), "", "{what}: {confirm}");
        let at_once = match fix.split_once("At once: ") {
            Some((_, commands)) => commands.to_owned(),
            None => fix,
        };
        assert!(at_once.starts_with("sudo "), "{what}: {at_once}");
        swarm.sh(Node::A, &at_once.replace("sudo ", ""));
    }
    let (status, report) = examine(&swarm, Node::A);
    assert_eq!((status, &report["findings"]), (0, &Value::Array(vec![])));
}

#[track_caller]
fn examine(swarm: &Swarm, node: Node) -> (i32, Value) {
    let (status, stdout, stderr) = swarm.swarmtrace(node, &["doctor", "--output", "json"]);
    let report = serde_json::from_str(&stdout);
    let report: Value = report.unwrap_or_else(|e| panic!("{e}: {stdout}{stderr}"));
    println!("doctor on {node}: {report:#}");
    (status, report)
}

/// What the names of [`NAMES`] stand for on node a, as swarmtrace's snapshot
/// knows it.
fn values(swarm: &Swarm) -> [String; NAMES.len()] {
    let (_, stdout, stderr) = swarm.swarmtrace(Node::A, &["topology", "--output", "json"]);
    let all: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{e}: {stderr}"));
    let list = |of: &Value| of.as_array().cloned().unwrap_or_default();
    let named = |of: &str, name: &str| {
        let mut all = list(&all[of]).into_iter();
        all.find(|one| one["name"] == name)
            .unwrap_or_else(|| panic!("no {name} among {of}"))
    };
    let [ingress, overlay] = ["ingress", "overlay1"].map(|n| named("networks", n)["id"].clone());
    let mark = |service: &str, network: &Value| {
        let marks = list(&named("services", service)["fwmarks"]);
        let of = marks.iter().find(|m| m["network"] == *network);
        of.expect("a mark")["mark"].to_string()
    };
    let nodes = list(&all["nodes"]);
    let far = nodes.iter().find(|n| n["local"] == false).expect("node b");
    let tasks = list(&all["tasks"]);
    let task = tasks
        .iter()
        .find(|t| t["service"] == "vote" && t["node"] == far["id"]);
    let addresses = list(&task.expect("a task of vote on node b")["addresses"]);
    let address = |network: &Value| {
        let of = addresses.iter().find(|a| a["network"] == *network);
        of.expect("an address")["address"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    let file = |kind: &str, network: &Value| {
        let namespaces = list(&all["namespaces"]);
        let of = namespaces
            .iter()
            .find(|n| n["kind"]["is"] == kind && n["kind"]["network"] == *network);
        of.expect("a namespace")["name"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    [
        mark("echo-udp", &overlay),
        mark("echo-udp", &ingress),
        mark("vote", &overlay),
        mark("vote", &ingress),
        address(&overlay),
        address(&ingress),
        file("load_balancer", &overlay),
        file("overlay", &overlay),
        file("overlay", &ingress),
    ]
}
