//! The services of the Swarm, in the words of Docker's API.

use serde_json::{Value, json};

/// A service, and how many of its tasks run.
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// How many tasks run on both nodes together.
    pub tasks: usize,
    /// As `/services/create` takes it.
    pub spec: Value,
}

/// Every service of the test Swarm.
pub fn services() -> Vec<Service> {
    let two = || json!({ "Replicated": { "Replicas": 2 } });
    let http = json!(["vmtool", "http", "80"]);

    let mut vote = service("vote", &http, two());
    vote["EndpointSpec"]["Ports"] = port("ingress", "tcp", 80, 8080);

    let one = json!({ "Replicated": { "Replicas": 1 } });
    let mut client = service("client", &json!(["sleep", "2000000000"]), one);
    client["TaskTemplate"]["Placement"] = json!({ "Constraints": ["node.hostname==node-a"] });

    let mut echo = service("echo-udp", &json!(["vmtool", "udp-echo", "9053"]), two());
    echo["EndpointSpec"]["Ports"] = port("ingress", "udp", 9053, 9053);

    let mut hosted = service("hosted", &http, json!({ "Global": {} }));
    hosted["EndpointSpec"]["Ports"] = port("host", "tcp", 80, 8081);

    let mut direct = service("direct", &http, two());
    direct["EndpointSpec"]["Mode"] = json!("dnsrr");

    [
        ("vote", 2, vote),
        ("client", 1, client),
        ("echo-udp", 2, echo),
        ("hosted", 2, hosted),
        ("direct", 2, direct),
    ]
    .map(|(name, tasks, spec)| Service { name, tasks, spec })
    .into()
}

fn port(mode: &str, protocol: &str, target: u16, published: u16) -> Value {
    json!([{
        "Protocol": protocol,
        "TargetPort": target,
        "PublishedPort": published,
        "PublishMode": mode,
    }])
}

fn service(name: &str, command: &Value, mode: Value) -> Value {
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
            "RestartPolicy": { "Condition": "any" },
        },
        "Mode": mode,
        "EndpointSpec": { "Mode": "vip" },
    })
}
