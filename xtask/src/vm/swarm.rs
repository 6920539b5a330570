//! Turns two booted nodes into a Swarm with the services that the tests use,
//! through dockerd's API, and checks that a Swarm answers.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Node;
use super::machines::Machines;
use super::services::{Service, services};
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
/// In nanoseconds, as Docker's API has it.
const PATIENT_HEARTBEAT: u64 = 45_000_000_000;
const USUAL_HEARTBEAT: u64 = 5_000_000_000;
/// How long bringing up waits without any task starting.
const STALL_LIMIT: Duration = Duration::from_secs(240);

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
            Duration::from_secs(190),
        )?
        .checked()
        .with_context(|| format!("dockerd on {node}: {method} {path}"))?;
    if answer.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&answer).with_context(|| format!("dockerd on {node}: {method} {path}"))
}

/// Why a Swarm does not come up, as far as its nodes can tell.
pub fn symptoms(machines: &Machines) -> String {
    let tasks = api(machines, Node::A, "GET", "/tasks", None).unwrap_or_default();
    let mut said: String = tasks
        .as_array()
        .into_iter()
        .flatten()
        .map(|task| {
            let status = &task["Status"];
            format!(
                "task {}: {} {} {}\n",
                task["ID"], status["State"], status["Message"], status["Err"]
            )
        })
        .collect();
    for node in NODES {
        let script = format!(
            "echo {node}:; uptime; tail -q -n 12 /nodes/{}/log/*.log | cut -c1-400",
            node.letter()
        );
        let logs = machines.root_exec(node, &["sh", "-c", &script], b"", Duration::from_secs(30));
        said += &logs.map_or_else(
            |error| format!("{node}: {error:#}\n"),
            |logs| logs.stdout_text(),
        );
    }
    said
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
            .root_exec(node, &start, b"", Duration::from_secs(240))?
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
    let mut init = at(Node::A);
    init["Spec"] = json!({ "Dispatcher": { "HeartbeatPeriod": PATIENT_HEARTBEAT } });
    enter_swarm(machines, Node::A, "/swarm/init", &init)?;
    let swarm = api(machines, Node::A, "GET", "/swarm", None)?;
    let mut join = at(Node::B);
    join["RemoteAddrs"] = json!([format!("{}:2377", address(Node::A))]);
    join["JoinToken"] = swarm["JoinTokens"]["Worker"].clone();
    enter_swarm(machines, Node::B, "/swarm/join", &join)?;
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
    for Service { spec, .. } in &services {
        api(machines, Node::A, "POST", "/services/create", Some(spec))?;
    }
    wait_for_tasks(machines, &services)?;
    spread_out(machines, &services)?;
    usual_heartbeat(machines)?;
    step.done();

    let step = Step::start("every service answers, on both nodes");
    check_every_service(machines)?;
    step.done();
    Ok(())
}

/// Dockerd gives up waiting after 20 seconds, which emulation on a busy machine
/// may need, but goes on in the background.
fn enter_swarm(machines: &Machines, node: Node, path: &str, body: &Value) -> Result<()> {
    let Err(error) = api(machines, node, "POST", path, Some(body)) else {
        return Ok(());
    };
    if !format!("{error:#}").contains("Timeout was reached") {
        return Err(error);
    }
    let deadline = Instant::now() + STALL_LIMIT;
    while Instant::now() < deadline {
        let info = api(machines, node, "GET", "/info", None)?;
        if info["Swarm"]["LocalNodeState"] == "active" {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(2));
    }
    Err(error)
}

/// While everything starts at once a node may well be silent for 15 seconds,
/// and must not be taken for dead; from then on Docker's own setting holds.
fn usual_heartbeat(machines: &Machines) -> Result<()> {
    let swarm = api(machines, Node::A, "GET", "/swarm", None)?;
    let mut spec = swarm["Spec"].clone();
    spec["Dispatcher"]["HeartbeatPeriod"] = json!(USUAL_HEARTBEAT);
    let path = format!("/swarm/update?version={}", swarm["Version"]["Index"]);
    api(machines, Node::A, "POST", &path, Some(&spec)).map(drop)
}

fn import_image(machines: &Machines, node: Node) -> Result<()> {
    let command = format!(
        "exec vmtool api /nodes/{}/docker.sock POST \
         '/images/create?fromSrc=-&repo=vote&tag=latest' application/x-tar </srv/image.tar",
        node.letter()
    );
    machines
        .root_exec(node, &["sh", "-c", &command], b"", Duration::from_secs(240))?
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

/// Patient for as long as tasks keep starting: on a busy machine emulation may
/// take ten times as long.
fn wait_for_tasks(machines: &Machines, services: &[Service]) -> Result<()> {
    let mut before = String::new();
    let mut changed = Instant::now();
    loop {
        let running = running(machines)?;
        let waiting: Vec<String> = services
            .iter()
            .map(|service| (service, running.get(service.name).map_or(0, Vec::len)))
            .filter(|(service, there)| *there != service.tasks)
            .map(|(service, there)| format!("{} {there}/{}", service.name, service.tasks))
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let waiting = waiting.join(", ");
        if waiting != before {
            (before, changed) = (waiting, Instant::now());
        } else if changed.elapsed() > STALL_LIMIT {
            bail!(
                "for {} s no task has started; running: {waiting}",
                STALL_LIMIT.as_secs()
            );
        }
        thread::sleep(Duration::from_secs(1));
    }
}

/// A service of two tasks has one on each node. Swarm's scheduler does that by
/// itself; should it not have, the service's tasks are started anew.
fn spread_out(machines: &Machines, services: &[Service]) -> Result<()> {
    for attempt in 0..4 {
        let running = running(machines)?;
        let crowded: Vec<&str> = services
            .iter()
            .filter(|service| {
                let on = running.get(service.name).into_iter().flatten();
                service.tasks == 2 && on.collect::<BTreeSet<_>>().len() < 2
            })
            .map(|service| service.name)
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
            Duration::from_secs(240),
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
            Duration::from_secs(120),
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
