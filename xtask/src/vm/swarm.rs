//! Turns two booted nodes into a Swarm with the services that the tests use,
//! through dockerd's API, and checks that a Swarm answers.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Node;
use super::machines::Machines;
use crate::step::Step;

/// Where each node is on the wire.
pub fn address(node: Node) -> &'static str {
    match node {
        Node::A => "192.168.90.1",
        Node::B => "192.168.90.2",
        Node::Vm => "192.168.90.254",
    }
}

const NODES: [Node; 2] = [Node::A, Node::B];
const TASK_LIMIT: Duration = Duration::from_secs(240);

/// Every service: its name, how many tasks run, and how it is created.
fn services() -> Vec<(&'static str, usize, Value)> {
    let replicas = |count: u32| json!({ "Replicated": { "Replicas": count } });
    let port = |mode: &str, protocol: &str, target: u16, published: u16| json!([{ "Protocol": protocol, "TargetPort": target, "PublishedPort": published, "PublishMode": mode }]);
    let ports = |ports: Value| json!({ "Mode": "vip", "Ports": ports });
    let http = json!(["vmtool", "http", "80"]);
    vec![
        (
            "vote",
            2,
            service(
                "vote",
                &http,
                replicas(2),
                ports(port("ingress", "tcp", 80, 8080)),
                json!({}),
            ),
        ),
        (
            "client",
            1,
            service(
                "client",
                &json!(["sleep", "2000000000"]),
                replicas(1),
                ports(json!([])),
                json!({ "Constraints": ["node.hostname==node-a"] }),
            ),
        ),
        (
            "echo-udp",
            2,
            service(
                "echo-udp",
                &json!(["vmtool", "udp-echo", "9053"]),
                replicas(2),
                ports(port("ingress", "udp", 9053, 9053)),
                json!({}),
            ),
        ),
        (
            "hosted",
            2,
            service(
                "hosted",
                &http,
                json!({ "Global": {} }),
                ports(port("host", "tcp", 80, 8081)),
                json!({}),
            ),
        ),
        (
            "direct",
            2,
            service(
                "direct",
                &http,
                replicas(2),
                json!({ "Mode": "dnsrr" }),
                json!({}),
            ),
        ),
    ]
}

fn service(name: &str, command: &Value, mode: Value, endpoint: Value, placement: Value) -> Value {
    json!({
        "Name": name,
        "TaskTemplate": {
            "ContainerSpec": {
                "Image": "vote:latest",
                "Args": command,
                "Env": ["TASK={{.Service.Name}}.{{.Task.Slot}}", "NODE={{.Node.Hostname}}"],
                "Init": false,
                "StopGracePeriod": 1_000_000_000_u64,
            },
            "Networks": [{ "Target": "overlay1" }],
            "Placement": placement,
            "RestartPolicy": { "Condition": "any" },
        },
        "Mode": mode,
        "EndpointSpec": endpoint,
    })
}

/// One request to a node's dockerd.
fn api(
    machines: &Machines,
    node: Node,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Value> {
    let socket = format!("/nodes/{}/docker.sock", node.letter());
    let body = body.map(Value::to_string).unwrap_or_default();
    let answer = machines
        .root_exec(
            node,
            &["vmtool", "api", &socket, method, path],
            body.as_bytes(),
            Duration::from_secs(70),
        )?
        .checked()
        .with_context(|| format!("dockerd on {node}: {method} {path}"))?;
    if answer.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&answer).with_context(|| format!("dockerd on {node}: {method} {path}"))
}

/// Both nodes at once, each in a thread of its own.
fn on_both<T: Send>(work: impl Fn(Node) -> Result<T> + Sync) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = NODES
            .map(|node| scope.spawn(move || work(node)))
            .into_iter()
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .map_err(|_| anyhow::anyhow!("a thread panicked"))?
            })
            .collect()
    })
}

/// From booted to answering.
///
/// # Errors
/// When a step fails or does not end in time.
pub fn bring_up(machines: &Machines) -> Result<()> {
    let step = Step::start("two dockerd");
    on_both(|node| {
        let start = ["/srv/node", node.letter(), address(node)];
        machines
            .root_exec(node, &start, b"", Duration::from_secs(180))?
            .checked()
    })
    .context("dockerd does not start")?;
    step.done();

    let step = Step::start("a Swarm of two nodes, and the image on both");
    let at = |node: Node| {
        json!({
            "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": address(node), "DataPathAddr": address(node),
        })
    };
    api(machines, Node::A, "POST", "/swarm/init", Some(&at(Node::A)))?;
    let swarm = api(machines, Node::A, "GET", "/swarm", None)?;
    let mut join = at(Node::B);
    join["RemoteAddrs"] = json!([format!("{}:2377", address(Node::A))]);
    join["JoinToken"] = swarm["JoinTokens"]["Worker"].clone();
    api(machines, Node::B, "POST", "/swarm/join", Some(&join))?;
    on_both(|node| import_image(machines, node))?;
    step.done();

    let services = services();
    let step = Step::start(format!("{} services", services.len()));
    let overlay = json!({ "Name": "overlay1", "Driver": "overlay", "Attachable": true, "CheckDuplicate": true });
    api(
        machines,
        Node::A,
        "POST",
        "/networks/create",
        Some(&overlay),
    )?;
    for (_, _, service) in &services {
        api(machines, Node::A, "POST", "/services/create", Some(service))?;
    }
    wait_for_tasks(machines, &services)?;
    spread_out(machines, &services)?;
    step.done();

    let step = Step::start("every service answers, on both nodes");
    check_every_service(machines)?;
    step.done();
    Ok(())
}

fn import_image(machines: &Machines, node: Node) -> Result<()> {
    let command = format!(
        "exec vmtool api /nodes/{}/docker.sock POST \
         '/images/create?fromSrc=-&repo=vote&tag=latest' application/x-tar </srv/image.tar",
        node.letter()
    );
    machines
        .root_exec(node, &["sh", "-c", &command], b"", Duration::from_secs(90))?
        .checked()?;
    Ok(())
}

/// The running tasks: service name to the nodes they are on.
fn running(machines: &Machines) -> Result<BTreeMap<String, Vec<String>>> {
    let names = api(machines, Node::A, "GET", "/services", None)?;
    let names: BTreeMap<&str, &str> = names
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|service| Some((service["ID"].as_str()?, service["Spec"]["Name"].as_str()?)))
        .collect();
    let wanted = "/tasks?filters=%7B%22desired-state%22%3A%5B%22running%22%5D%7D";
    let tasks = api(machines, Node::A, "GET", wanted, None)?;
    let mut running = BTreeMap::<String, Vec<String>>::new();
    for task in tasks.as_array().into_iter().flatten() {
        if task["Status"]["State"] == "running"
            && let (Some(service), Some(node)) =
                (task["ServiceID"].as_str(), task["NodeID"].as_str())
            && let Some(name) = names.get(service)
        {
            running
                .entry((*name).to_owned())
                .or_default()
                .push(node.to_owned());
        }
    }
    Ok(running)
}

fn wait_for_tasks(machines: &Machines, services: &[(&str, usize, Value)]) -> Result<()> {
    let deadline = Instant::now() + TASK_LIMIT;
    loop {
        let running = running(machines)?;
        let waiting: Vec<String> = services
            .iter()
            .map(|(name, wanted, _)| (name, running.get(*name).map_or(0, Vec::len), wanted))
            .filter(|(_, there, wanted)| there != *wanted)
            .map(|(name, there, wanted)| format!("{name} {there}/{wanted}"))
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!(
                "after {} s these tasks do not run: {}",
                TASK_LIMIT.as_secs(),
                waiting.join(", ")
            );
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// A service of two tasks has one on each node. Swarm's scheduler does that by
/// itself; should it not have, the service's tasks are started anew.
fn spread_out(machines: &Machines, services: &[(&str, usize, Value)]) -> Result<()> {
    for attempt in 0..4 {
        let running = running(machines)?;
        let crowded: Vec<&str> = services
            .iter()
            .filter(|(name, wanted, _)| {
                let nodes: BTreeSet<&String> = running.get(*name).into_iter().flatten().collect();
                *wanted == 2 && nodes.len() < 2
            })
            .map(|(name, _, _)| *name)
            .collect();
        if crowded.is_empty() {
            return Ok(());
        }
        ensure!(
            attempt < 3,
            "all tasks stay on one node: {}",
            crowded.join(", ")
        );
        for name in crowded {
            let service = api(machines, Node::A, "GET", &format!("/services/{name}"), None)?;
            let mut spec = service["Spec"].clone();
            spec["TaskTemplate"]["ForceUpdate"] = json!(attempt + 1);
            let path = format!(
                "/services/{name}/update?version={}",
                service["Version"]["Index"]
            );
            api(machines, Node::A, "POST", &path, Some(&spec))?;
        }
        thread::sleep(Duration::from_secs(5));
        wait_for_tasks(machines, services)?;
    }
    Ok(())
}

/// Asks through each node until every task of a service has answered.
fn check_every_service(machines: &Machines) -> Result<()> {
    let [a, b] = NODES.map(address);
    let script = format!(
        "for node in {a} {b}; do for i in 1 2 3; do vmtool get $node 8080 / 20; done; done
         for node in {a} {b}; do for i in 1 2; do vmtool udp-send $node 9053 hello 20; done; done
         for node in {a} {b}; do vmtool get $node 8081 / 20; done"
    );
    let said = machines
        .exec(
            Node::Vm,
            &["sh", "-ec", &script],
            b"",
            Duration::from_secs(150),
        )?
        .checked()
        .context("a published port does not answer")?;
    for task in ["vote.1 ", "vote.2 ", "echo-udp.1 ", "echo-udp.2 "] {
        ensure!(said.contains(task), "{task}never answered:\n{said}");
    }
    ensure!(
        said.matches("hosted.").count() == 2,
        "hosted did not answer on both nodes:\n{said}"
    );
    let inside = "exec docker exec $(docker ps -q -f name=client.1) wget -q -O - http://direct/ http://vote/";
    let said = machines
        .exec(
            Node::A,
            &["sh", "-ec", inside],
            b"",
            Duration::from_secs(60),
        )?
        .checked()
        .context("the client's task cannot reach the others")?;
    ensure!(
        said.contains("direct.") && said.contains("vote."),
        "the client's task got: {said}"
    );
    Ok(())
}

/// Whether the routing mesh answers on both nodes, within the time.
///
/// # Errors
/// When it does not.
pub fn await_answers(machines: &Machines, limit: Duration) -> Result<()> {
    let [a, b] = NODES.map(|node| format!("{}:8080", address(node)));
    let seconds = limit.as_secs().to_string();
    let wait = ["vmtool", "await", &seconds, &a, &b];
    machines
        .exec(Node::Vm, &wait, b"", limit + Duration::from_secs(10))?
        .checked()?;
    Ok(())
}
