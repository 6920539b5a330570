//! What real daemons answered, and what no daemon should.

use super::*;
use crate::topology::fixtures::answers;
use crate::topology::{EndpointMode, PublishMode, PublishedPort};
use proptest::prelude::*;
use serde_json::{Value, json};

const VOTE_8080: PublishedPort = PublishedPort {
    protocol: Protocol::Tcp,
    published: 8080,
    target: 80,
    mode: PublishMode::Ingress,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_manager() {
    let view = interpret(&answers("swarm/a"));
    assert_eq!(view.docker.role, SwarmRole::Manager);
    assert_eq!(view.docker.version, "20.10.24+dfsg1");
    assert_eq!(view.docker.data_path_port, 4789);
    assert_eq!(view.hostname, "a");

    let ingress = view.networks.iter().find(|n| n.ingress).unwrap();
    assert_eq!(ingress.vnis, [4096]);
    assert_eq!(ingress.subnets, ["10.0.0.0/24".parse().unwrap()]);
    assert_eq!(ingress.load_balancer, Some(ip("10.0.0.2")));
    assert!(!ingress.encrypted && !ingress.dsr);
    let lb_of_b = ingress
        .endpoints
        .iter()
        .find(|e| e.address == ip("10.0.0.3"));
    assert_eq!(lb_of_b.unwrap().name, "lb");
    assert_eq!(lb_of_b.unwrap().host, Some(ip("192.168.90.2")));

    let vote = view.services.iter().find(|s| s.name == "vote").unwrap();
    assert_eq!(vote.ports, [VOTE_8080]);
    assert_eq!(vote.vips.len(), 2);
    let mark = |network: &str| {
        vote.fwmarks
            .iter()
            .find(|m| m.network == network)
            .map(|m| m.mark)
    };
    assert_eq!(mark(&ingress.id), Some(0x101));

    let names: Vec<_> = view.tasks.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["client.1", "vote.a", "vote.b"]);
    let on_b = &view.tasks[2];
    assert_eq!(on_b.addresses.len(), 2);
    assert!(on_b.container.as_ref().unwrap().starts_with("a29fc983"));
    assert_eq!(view.nodes.len(), 2);
    let b = view.nodes.iter().find(|n| n.id == on_b.node).unwrap();
    assert_eq!((b.hostname.as_str(), b.local), ("b", false));
    assert_eq!(b.addresses, [ip("192.168.90.2")]);

    let container = view
        .containers
        .iter()
        .find(|c| c.name.starts_with("vote"))
        .unwrap();
    assert_eq!(
        container.sandbox,
        PathBuf::from("/var/run/docker/netns/8ce9af88d95a")
    );
    assert!(container.pid > 0 && container.task.is_some());
}

#[test]
fn a_worker_knows_it_all_from_gossip_and_labels() {
    let view = interpret(&answers("swarm/b"));
    assert_eq!(view.docker.role, SwarmRole::Worker);
    assert_eq!(view.docker.data_path_port, 0);

    let vote = view.services.iter().find(|s| s.name == "vote").unwrap();
    assert_eq!(vote.id, "w5jjfdogfia1qzultqojq7chb");
    assert_eq!(vote.ports, [VOTE_8080]);
    assert_eq!(vote.endpoint_mode, EndpointMode::Vip);
    assert_eq!(vote.vips.len(), 2);
    assert_eq!(vote.fwmarks.len(), 2);
    let client = view.services.iter().find(|s| s.name == "client").unwrap();
    assert_eq!((client.id.as_str(), client.ports.len()), ("", 0));

    // The manager's host name is not known here, its id is.
    let names: Vec<_> = view.tasks.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["client.1", "vote.b", "vote.yc6jhj68spxo"]);
    assert_eq!(view.tasks[2].node, "yc6jhj68spxo07tpa9q3nwjos");
    assert_eq!(view.tasks[0].node, "yc6jhj68spxo07tpa9q3nwjos");
    assert_eq!(view.tasks[1].addresses.len(), 2);
    assert!(view.tasks[1].container.is_some());
    assert_eq!(view.nodes.len(), 2);
    assert!(view.nodes.iter().any(|n| n.local && n.hostname == "b"));
}

#[test]
fn names_of_tasks() {
    let parse = |name| TaskName::parse(name).map(|n| (n.service, n.slot_or_node, n.node()));
    assert_eq!(
        parse("my-stack_vote.12.x141j7ncrrbblew7r52f9urc9"),
        Some(("my-stack_vote", "12", None))
    );
    let node = "1pazkgnumtrqptss5akvkw43a";
    let name = format!("vote.{node}.x141j7ncrrbblew7r52f9urc9");
    assert_eq!(parse(&name), Some(("vote", node, Some(node))));
    for other in [
        "ingress-endpoint",
        "",
        "..",
        "a.b.c",
        "vote.1.short",
        "redis",
    ] {
        assert_eq!(parse(other), None, "{other}");
    }
}

#[test]
fn modes_and_options() {
    let mut answers = answers("swarm/a");
    answers.networks[0] = serde_json::from_value(json!({
        "Id": "n", "Name": "backend", "Driver": "overlay", "Containers": null,
        "IPAM": {"Config": [{"Subnet": "10.9.0.0/24"}, {"Subnet": "fd00::/64"}, {"Subnet": "?"}]},
        "Options": {"com.docker.network.driver.overlay.vxlanid_list": "4100,4101",
                    "encrypted": "", "dsr": "true"},
    }))
    .unwrap();
    answers.services[0] = serde_json::from_value(json!({
        "ID": "s", "Spec": {"Name": "db", "EndpointSpec": {"Mode": "dnsrr"}},
        "Endpoint": {"Ports": [{"Protocol": "udp", "TargetPort": 53, "PublishedPort": 5353,
                                "PublishMode": "host"}]},
    }))
    .unwrap();
    let view = interpret(&answers);
    let network = view.networks.iter().find(|n| n.name == "backend").unwrap();
    assert!(network.encrypted && network.dsr);
    assert_eq!(network.vnis, [4100, 4101]);
    assert_eq!(network.subnets.len(), 2);
    let db = view.services.iter().find(|s| s.name == "db").unwrap();
    assert_eq!(db.endpoint_mode, EndpointMode::Dnsrr);
    assert_eq!(db.ports[0].mode, PublishMode::Host);
    assert_eq!(db.ports[0].protocol, Protocol::Udp);
}

#[test]
fn a_worker_tells_udp_by_what_is_bound() {
    let mut answers = answers("swarm/b");
    let ports = |answers: &Answers| {
        let view = interpret(answers);
        let vote = view
            .services
            .into_iter()
            .find(|s| s.name == "vote")
            .unwrap();
        vote.ports.iter().map(|p| p.protocol).collect::<Vec<_>>()
    };
    answers.udp_ports = local_ports(
        "  sl  local_address rem_address   st\n  12: 00000000:1F90 00000000:0000 07 0 0\n",
    );
    assert_eq!(ports(&answers), [Protocol::Udp]);
    for network in &mut answers.networks {
        if let Some(vote) = network.services.get_mut("vote") {
            vote.ports.push("Target: 80, Publish: 8080".into());
        }
    }
    assert_eq!(ports(&answers), [Protocol::Tcp, Protocol::Udp]);
}

#[test]
fn a_worker_tells_dnsrr_by_the_missing_address() {
    let mut answers = answers("swarm/b");
    for network in &mut answers.networks {
        if let Some(vote) = network.services.get_mut("vote") {
            vote.vip = "<nil>".into();
        }
    }
    let view = interpret(&answers);
    let vote = view.services.iter().find(|s| s.name == "vote").unwrap();
    assert_eq!(vote.endpoint_mode, EndpointMode::Dnsrr);
    assert_eq!(vote.fwmarks, [], "counted, but not used");
}

#[test]
fn a_task_being_replaced_is_still_there() {
    let mut answers = answers("swarm/a");
    answers.tasks.clear();
    let view = interpret(&answers);
    assert_eq!(view.tasks.len(), 3, "from labels and gossip");
    assert!(view.tasks.iter().any(|t| t.name == "vote.b"));
}

/// Any JSON.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z0-9./:<>-]{0,12}".prop_map(Value::from),
    ];
    let keys = prop_oneof![
        Just("Services".to_owned()),
        Just("Options".to_owned()),
        Just("Name".to_owned()),
        Just("Tasks".to_owned()),
        Just("Endpoint".to_owned()),
        "[A-Za-z]{1,8}",
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(keys.clone(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Puts `new` in the place of the `at`th value of `of`.
fn replace(of: &mut Value, at: &mut usize, new: &Value) {
    if *at == 0 {
        *of = new.clone();
    }
    *at = at.wrapping_sub(1);
    match of {
        Value::Array(list) => list.iter_mut().for_each(|v| replace(v, at, new)),
        Value::Object(map) => map.values_mut().for_each(|v| replace(v, at, new)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_answer_is_survived(new in value(), at in 0..400usize, b in any::<bool>()) {
        let node = crate::topology::fixtures::node(if b { "swarm/b" } else { "swarm/a" });
        let mut answers = answers(if b { "swarm/b" } else { "swarm/a" });
        for entry in std::fs::read_dir(node).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.extension().is_none_or(|extension| extension != "json") { continue; }
            let mut value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            replace(&mut value, &mut { at }, &new);
            fn put<T: serde::de::DeserializeOwned>(into: &mut T, value: Value) {
                if let Ok(read) = serde_json::from_value(value) { *into = read; }
            }
            match name.as_str() {
                "info.json" => put(&mut answers.info, value),
                "tasks.json" => put(&mut answers.tasks, value),
                "services.json" => put(&mut answers.services, value),
                "nodes.json" => put(&mut answers.nodes, value),
                "networks.json" => put(&mut answers.networks, value),
                "containers.json" => put(&mut answers.containers, value),
                _ if name.starts_with("network-") => put(&mut answers.networks[0], value),
                _ => {}
            }
        }
        interpret(&answers);
    }
}
