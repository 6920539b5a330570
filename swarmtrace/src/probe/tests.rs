//! What is planned on recorded Swarms, and what answers mean.

use super::run::largest;
use super::*;
use crate::topology::fixtures;
use std::path::PathBuf;

const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(1),
    count: 2,
};

fn came() -> Answer {
    Answer::Answered { micros: 400 }
}

fn to(address: &str, task: &str, node: &str) -> Outcome {
    Outcome {
        target: Target {
            entry: Entry::Direct,
            from: "ingress_sbox".into(),
            path: PathBuf::new(),
            network: "ingress".into(),
            address: address.parse().unwrap(),
            port: Some(8080),
            task: Some(task.into()),
            node: Some(node.into()),
            remote: node != "a",
            mtu: Some(1450),
            handshakes: 1,
        },
        tcp: vec![came()],
        own: 0,
        small: vec![came(), came()],
        full: vec![came(), came()],
        largest: None,
        datagrams: None,
    }
}

fn silent(mut outcome: Outcome) -> Outcome {
    outcome.tcp = vec![Answer::Silent];
    outcome.small = vec![Answer::Silent, Answer::Silent];
    outcome.full = Vec::new();
    outcome
}

fn mesh(tcp: &[Answer]) -> Outcome {
    let mut outcome = to("192.168.90.1", "", "a");
    outcome.target.entry = Entry::Mesh;
    outcome.tcp = tcp.to_vec();
    outcome
}

fn kind(outcome: &Outcome, others: &[Outcome]) -> Kind {
    let mut all = others.to_vec();
    all.push(outcome.clone());
    conclude(outcome, &all).kind
}

#[test]
fn only_the_services_own_addresses_are_asked() {
    let topology = fixtures::topology("swarm/a");
    let service = topology.service("vote").unwrap();
    let plan = plan(&topology, service, LIMITS);
    let mut all: Vec<String> = (plan.targets.iter())
        .map(|t| format!("{} {}:{}", t.from, t.address, t.port.unwrap_or(0)))
        .collect();
    all.sort();
    let own: Vec<String> = swarmtrace_addresses(&topology);
    for target in &plan.targets {
        let address = target.address.to_string();
        assert!(own.contains(&address), "{address} is not of the service");
    }
    assert!(
        all.contains(&"host 192.168.90.1:8080".to_owned()),
        "{all:?}"
    );
    assert!(
        all.contains(&"ingress_sbox 10.0.0.6:8080".to_owned()),
        "{all:?}"
    );
    // From the overlay's own load balancer a task is asked for its own port.
    assert!(
        all.iter()
            .any(|t| t.starts_with("lb_") && t.ends_with(":80")),
        "{all:?}"
    );
    assert_eq!(all.len(), 1 + 2 * 2, "{all:?}");
    let said = plan.announcement(LIMITS);
    // Two echoes of each size, eleven more, two datagrams and a handshake.
    assert!(said.ends_with("within 18s at worst"), "{said}");
    assert!(
        said.contains("8 TCP handshakes and 16 ICMP echoes"),
        "{said}"
    );
}

fn swarmtrace_addresses(topology: &crate::topology::Topology) -> Vec<String> {
    let tasks = topology.tasks.iter().filter(|t| t.service == "vote");
    (tasks
        .flat_map(|t| &t.addresses)
        .map(|a| a.address.to_string()))
    .chain(["192.168.90.1".to_owned()])
    .collect()
}

#[test]
fn what_is_well_passes() {
    let one = to("10.0.0.6", "vote.2", "b");
    assert_eq!(kind(&one, &[]), Kind::Passes);
    assert_eq!(kind(&mesh(&[came(), came()]), &[]), Kind::Passes);
}

#[test]
fn a_node_that_is_cut_off_is_told_from_a_task() {
    let lost = silent(to("10.0.0.6", "vote.2", "b"));
    let near = to("10.0.0.5", "vote.1", "a");
    let also = silent(to("10.0.1.4", "vote.2", "b"));
    assert_eq!(kind(&lost, &[near.clone(), also]), Kind::DataPathBlocked);
    let other = to("10.0.0.9", "vote.3", "b");
    assert_eq!(kind(&lost, &[near.clone(), other]), Kind::Unreached);
    assert_eq!(kind(&silent(near), &[]), Kind::Unreached);
}

#[test]
fn a_hole_is_told_from_a_block() {
    let mut one = to("10.0.0.6", "vote.2", "b");
    one.full = vec![Answer::Silent, Answer::Silent];
    one.largest = Some(1350);
    assert_eq!(kind(&one, &[]), Kind::MtuHole);
    let said = conclude(&one, &[]).text;
    assert!(said.contains("1400 bytes instead of 1500"), "{said}");
}

#[test]
fn a_dead_listener_is_told_from_a_path() {
    let mut one = to("10.0.0.6", "vote.2", "b");
    one.tcp = vec![Answer::Refused];
    assert_eq!(kind(&one, &[]), Kind::NothingListens);
    one.small = vec![Answer::Silent; 2];
    one.full.clear();
    assert_eq!(kind(&one, &[]), Kind::NothingListens);
    one.tcp = vec![came()];
    assert_eq!(kind(&one, &[]), Kind::PassesUnsized);
}

#[test]
fn broken_checksums_show_in_datagrams() {
    let mut one = to("10.0.0.6", "vote.2", "b");
    one.tcp = vec![Answer::Silent];
    assert_eq!(kind(&one, &[]), Kind::TcpDropped);
    one.datagrams = Some([Answer::Silent, Answer::Refused]);
    assert_eq!(kind(&one, &[]), Kind::ChecksumsBroken);
    one.datagrams = Some([Answer::Refused, Answer::Refused]);
    assert_eq!(kind(&one, &[]), Kind::TcpDropped);
}

#[test]
fn the_mesh_is_judged_by_its_handshakes() {
    let (yes, no) = (came(), Answer::Refused);
    assert_eq!(
        kind(&mesh(&[yes.clone(), no.clone()]), &[]),
        Kind::MeshPartly
    );
    assert_eq!(kind(&mesh(&[no.clone(), no]), &[]), Kind::MeshRefuses);
    assert_eq!(kind(&mesh(&[Answer::Silent]), &[]), Kind::MeshSilent);
    let mut own = mesh(&[yes]);
    own.own = 1;
    assert_eq!(kind(&own, &[]), Kind::MeshNotEntered);
}

#[test]
fn the_largest_that_passes_is_found_in_a_few_steps() {
    let mut asked = 0;
    let found = largest(1450, |size| {
        asked += 1;
        size <= 1350
    });
    assert_eq!(found, 1350);
    assert!(asked <= 11, "{asked}");
}
