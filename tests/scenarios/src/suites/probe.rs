//! `swarmtrace probe` on the real Swarm: a healthy one passes, and it distinguishes a
//! blocked data path, a hole in the MTU, a port on which nothing listens and a mesh
//! that is not entered.

use crate::swarm::Swarm;
use serde_json::Value;
use std::collections::BTreeMap;
use swarm_vm::{Kernel, Node};

/// iptables' options that add a rule and remove it.
const ADD_REMOVE: [&str; 2] = ["-I", "-D"];

/// Of each target its verdict, by `network address`, or `mesh`.
type Verdicts = BTreeMap<String, String>;

/// Everything of it in one restored Swarm.
pub fn probe(kernel: Kernel) {
    let swarm = Swarm::up(kernel);
    refusals(&swarm);

    let (status, healthy, report) = ask(&swarm, "vote");
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(healthy.len(), 1 + 2 * 2, "{report:#}");
    assert!(healthy.values().all(|v| v == "passes"), "{report:#}");
    assert_eq!(report["not_probed"], Value::Array(vec![]));
    let far = |key: &str| {
        let results = report["results"].as_array().expect("results");
        let of = results.iter().find(|r| name(r) == key).expect("a result");
        of["remote"] == true
    };
    let (udp_status, udp, report) = ask(&swarm, "echo-udp");
    assert_eq!(udp_status, 0, "{report:#}");
    assert!(udp.values().all(|v| v == "passes"), "{report:#}");
    let left_out = report["not_probed"].to_string();
    assert!(left_out.contains("udp/9053"), "{left_out}");

    let differ = |found: &Verdicts, what: &str| {
        for (key, verdict) in found.iter().filter(|(key, _)| *key != "mesh") {
            let wanted = if far(key) { what } else { "passes" };
            assert_eq!(verdict, wanted, "{key}: {found:?}");
        }
    };

    // node-b's end of the wire takes no more than 1400 bytes.
    swarm.sh(Node::Vm, "ip link set node-b mtu 1400");
    let (status, found, report) = ask(&swarm, "vote");
    assert_eq!(status, 1, "{report:#}");
    differ(&found, "mtu-hole");
    let results = report["results"].as_array().expect("results");
    for largest in results.iter().filter_map(|r| r["largest"].as_u64()) {
        // A bridge lets 4 bytes more pass, for a VLAN's tag.
        assert!((1350..=1354).contains(&largest), "{largest}");
    }
    swarm.sh(
        Node::Vm,
        "ip link set node-b mtu 1500; ip link set wire mtu 1500",
    );

    let [add, remove] =
        ADD_REMOVE.map(|o| format!("iptables {o} INPUT -p udp --dport 4789 -j DROP"));
    swarm.sh(Node::B, &add);
    let (status, found, report) = ask(&swarm, "vote");
    assert_eq!(status, 1, "{report:#}");
    differ(&found, "data-path-blocked");
    swarm.sh(Node::B, &remove);

    // The task on node a is sent to a port on which nothing listens.
    let [add, remove] = ADD_REMOVE.map(|option| {
        format!(
            "task=$(docker inspect -f '{{{{.NetworkSettings.SandboxKey}}}}' $(docker ps -q -f name=vote.))
             inside() {{ /usr/bin/nsenter --net=$task iptables \"$@\"; }}
             inside -t nat {option} PREROUTING -p tcp --dport 8080 -j REDIRECT --to-port 81
             inside {option} INPUT -p tcp --dport 81 -j ACCEPT; inside {option} OUTPUT -p tcp --sport 81 -j ACCEPT"
        )
    });
    swarm.sh(Node::A, &add);
    let (status, found, report) = ask(&swarm, "vote");
    assert_eq!(status, 1, "{report:#}");
    assert_eq!(found["mesh"], "mesh-partly", "{report:#}");
    let dead: Vec<&String> = (found.iter().filter(|(_, v)| *v == "nothing-listens"))
        .map(|(key, _)| key)
        .collect();
    assert!(
        matches!(dead.as_slice(), [one] if one.starts_with("ingress ") && !far(one)),
        "{report:#}"
    );
    swarm.sh(Node::A, &remove);

    // Without the DNAT dockerd's own listener takes the connection.
    swarm.sh(Node::A, "iptables -t nat -F DOCKER-INGRESS");
    let (status, found, report) = ask(&swarm, "vote");
    assert_eq!(status, 1, "{report:#}");
    assert_eq!(found["mesh"], "mesh-not-entered", "{report:#}");
}

/// What is not sent at all.
fn refusals(swarm: &Swarm) {
    for (options, words) in [
        (
            ["--service", "nosuch", "--from", "node-a"],
            ["nosuch", "vote"],
        ),
        (
            ["--service", "vote", "--from", "node-b"],
            ["node-b", "sudo swarmtrace probe"],
        ),
        (
            ["--service", "vote", "--from", "nowhere"],
            ["nowhere", "node-b"],
        ),
    ] {
        let arguments = [&["probe"][..], &options].concat();
        let (status, stdout, stderr) = swarm.swarmtrace(Node::A, &arguments);
        let asked = options.join(" ");
        assert_eq!(
            (status, stderr.lines().count()),
            (2, 1),
            "{asked}: {stdout}{stderr}"
        );
        for word in words {
            assert!(
                stderr.contains(word),
                "{word:?} in the answer to {asked}: {stderr}"
            );
        }
    }
}

#[track_caller]
fn ask(swarm: &Swarm, service: &str) -> (i32, Verdicts, Value) {
    let arguments = ["probe", "--service", service, "--output", "json"];
    let (status, stdout, stderr) = swarm.swarmtrace(Node::A, &arguments);
    assert!(
        stderr.contains(&format!("probing {service} from node-a")),
        "{stderr}"
    );
    let report = serde_json::from_str(&stdout);
    let report: Value = report.unwrap_or_else(|e| panic!("{e}: {stdout}{stderr}"));
    let results = report["results"].as_array().expect("results").clone();
    let verdicts = (results.iter())
        .map(|r| {
            (
                name(r),
                r["verdict"]["kind"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    (status, verdicts, report)
}

fn name(result: &Value) -> String {
    match result["entry"].as_str() {
        Some("mesh") => "mesh".to_owned(),
        _ => format!(
            "{} {}",
            result["network"].as_str().unwrap_or_default(),
            result["address"].as_str().unwrap_or_default()
        ),
    }
}
