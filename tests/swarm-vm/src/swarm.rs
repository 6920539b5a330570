//! Turns two booted nodes into a Swarm with the services that the tests use,
//! through dockerd's API, and checks that a Swarm answers.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::Node;
use crate::machines::Machines;
use crate::services::{Service, services};
use crate::step::Step;

const NODES: [Node; 2] = [Node::A, Node::B];
/// In nanoseconds, as Docker's API has it.
const PATIENT_HEARTBEAT: u64 = 45_000_000_000;
const USUAL_HEARTBEAT: u64 = 5_000_000_000;
/// How long bringing up waits without any task starting.
const STALL_LIMIT: Duration = Duration::from_mins(4);

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

/// Why a Swarm does not come up: its failed tasks, and the end of each log.
pub fn symptoms(machines: &Machines) -> String {
    let tasks = api(machines, Node::A, "GET", "/tasks", None).unwrap_or_default();
    let mut text: String = tasks
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
        text += &logs.map_or_else(
            |error| format!("{node}: {error:#}\n"),
            |logs| logs.stdout_text(),
        );
    }
    text
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
/// Errors if a step fails or does not end in time.
pub fn bring_up(machines: &Machines) -> Result<()> {
    let step = Step::start("two dockerd");
    on_both(|node| {
        let start = ["/srv/node", node.letter(), node.address()];
        machines
            .root_exec(node, &start, b"", Duration::from_mins(4))?
            .checked()
    })
    .context("dockerd does not start")?;
    step.done();

    let step = Step::start("a Swarm of two nodes, and the image on both");
    let at = |node: Node| {
        json!({
            "ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": node.address(), "DataPathAddr": node.address(),
        })
    };
    let mut init = at(Node::A);
    init["Spec"] = json!({ "Dispatcher": { "HeartbeatPeriod": PATIENT_HEARTBEAT } });
    enter_swarm(machines, Node::A, "/swarm/init", &init)?;
    let swarm = api(machines, Node::A, "GET", "/swarm", None)?;
    let mut join = at(Node::B);
    join["RemoteAddrs"] = json!([format!("{}:2377", Node::A.address())]);
    join["JoinToken"] = swarm["JoinTokens"]["Worker"].clone();
    enter_swarm(machines, Node::B, "/swarm/join", &join)?;
    on_both(|node| import_image(machines, node))?;
    step.done();

    start_services(machines)?;

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
        .root_exec(node, &["sh", "-c", &command], b"", Duration::from_mins(4))?
        .checked()?;
    Ok(())
}

/// One service after the other: all at once, on a busy machine, they keep each
/// other from ever starting.
fn start_services(machines: &Machines) -> Result<()> {
    let overlay = json!({ "Name": "overlay1", "Driver": "overlay", "Attachable": true, "CheckDuplicate": true });
    api(
        machines,
        Node::A,
        "POST",
        "/networks/create",
        Some(&overlay),
    )?;
    for Service { name, tasks, spec } in services() {
        let step = Step::start(format!("service {name}"));
        api(machines, Node::A, "POST", "/services/create", Some(&spec))?;
        wait_for_tasks(machines, name, tasks)?;
        spread_out(machines, name, tasks)?;
        step.done();
    }
    usual_heartbeat(machines)
}

/// A service's tasks that are to run: the state of each and the node it is on.
fn tasks_of(machines: &Machines, name: &str) -> Result<Vec<(String, String)>> {
    let filters = format!("{{\"service\":[\"{name}\"],\"desired-state\":[\"running\"]}}");
    let escaped: String = filters.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let tasks = api(
        machines,
        Node::A,
        "GET",
        &format!("/tasks?filters={escaped}"),
        None,
    )?;
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(tasks
        .as_array()
        .into_iter()
        .flatten()
        .map(|task| (word(&task["Status"]["State"]), word(&task["NodeID"])))
        .collect())
}

/// Patient for as long as something changes: on a busy machine emulation may
/// take ten times as long.
fn wait_for_tasks(machines: &Machines, name: &str, wanted: usize) -> Result<()> {
    let mut before = Vec::new();
    let mut changed = Instant::now();
    loop {
        let mut tasks = tasks_of(machines, name)?;
        if tasks.iter().filter(|(state, _)| state == "running").count() == wanted {
            return Ok(());
        }
        tasks.sort();
        if tasks != before {
            (before, changed) = (tasks, Instant::now());
        } else if changed.elapsed() > STALL_LIMIT {
            let states: Vec<&str> = before.iter().map(|(state, _)| state.as_str()).collect();
            bail!(
                "for {} s nothing has changed: {wanted} tasks wanted, the states are: {}",
                STALL_LIMIT.as_secs(),
                states.join(", ")
            );
        }
        thread::sleep(Duration::from_millis(500));
    }
}

/// A service of two tasks has one on each node. Swarm's scheduler does that by
/// itself; should it not have, the service's tasks are started anew.
fn spread_out(machines: &Machines, name: &str, wanted: usize) -> Result<()> {
    for attempt in 1..=4 {
        let nodes: BTreeSet<String> = tasks_of(machines, name)?
            .into_iter()
            .map(|(_, node)| node)
            .collect();
        if wanted != 2 || nodes.len() == 2 {
            return Ok(());
        }
        let service = api(machines, Node::A, "GET", &format!("/services/{name}"), None)?;
        let mut spec = service["Spec"].clone();
        spec["TaskTemplate"]["ForceUpdate"] = json!(attempt);
        let path = format!(
            "/services/{name}/update?version={}",
            service["Version"]["Index"]
        );
        api(machines, Node::A, "POST", &path, Some(&spec))?;
        thread::sleep(Duration::from_secs(5));
        wait_for_tasks(machines, name, wanted)?;
    }
    bail!("both tasks of {name} stay on one node")
}

/// Asks through each node until every task of a service has answered.
fn check_every_service(machines: &Machines) -> Result<()> {
    let [a, b] = NODES.map(Node::address);
    let script = format!(
        "for node in {a} {b}; do for i in 1 2 3; do vmtool get $node 8080 / 20; done; done
         for node in {a} {b}; do for i in 1 2; do vmtool udp-send $node 9053 hello 20; done; done
         for node in {a} {b}; do vmtool get $node 8081 / 20; done"
    );
    let text = machines
        .exec(
            Node::Vm,
            &["sh", "-ec", &script],
            b"",
            Duration::from_mins(4),
        )?
        .checked()
        .context("a published port does not answer")?;
    for task in ["vote.1 ", "vote.2 ", "echo-udp.1 ", "echo-udp.2 "] {
        ensure!(text.contains(task), "{task}never answered:\n{text}");
    }
    ensure!(
        text.matches("hosted.").count() == 2,
        "hosted did not answer on both nodes:\n{text}"
    );
    let inside = "exec docker exec $(docker ps -q -f name=client.1) wget -q -O - http://direct/ http://vote/";
    let text = machines
        .exec(Node::A, &["sh", "-ec", inside], b"", Duration::from_mins(2))?
        .checked()
        .context("the client's task cannot reach the others")?;
    ensure!(
        text.contains("direct.") && text.contains("vote."),
        "the client's task got: {text}"
    );
    Ok(())
}

/// Whether the routing mesh answers on both nodes, within the time.
///
/// # Errors
/// Errors if it does not.
pub fn await_answers(machines: &Machines, limit: Duration) -> Result<()> {
    let [a, b] = NODES.map(|node| format!("{}:8080", node.address()));
    let seconds = limit.as_secs().to_string();
    let wait = ["vmtool", "await", &seconds, &a, &b];
    machines
        .exec(Node::Vm, &wait, b"", limit + Duration::from_secs(10))?
        .checked()?;
    Ok(())
}
