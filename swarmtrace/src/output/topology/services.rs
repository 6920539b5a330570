//! Published ports with the way to their backends, and services with their
//! tasks.

use super::names::{heading, host_name, who};
use crate::output::style::{FAINT, NAME, PLAIN, WRONG, paint};
use crate::output::table::Table;
use crate::topology::{
    EndpointMode, IpvsForwarding, IpvsMatch, IpvsService, Namespace, NamespaceKind, Network,
    PublishMode, PublishedPort, Service, Task, TaskState, Topology,
};
use std::net::IpAddr;

/// `tcp/8080 → ingress_sbox 172.18.0.2 → fwmark 0x101 → rr`, and the backends.
pub(super) fn published(topology: &Topology) -> String {
    let mut ports: Vec<_> = (topology.services.iter())
        .flat_map(|s| s.ports.iter().map(move |p| (s, *p)))
        .collect();
    ports.sort_by_key(|(_, p)| (p.published, p.protocol));
    let mut out = String::new();
    for (service, port) in ports {
        let (way, backends) = match port.mode {
            PublishMode::Host => (host_way(topology, service), String::new()),
            PublishMode::Ingress => mesh_way(topology, service, port),
        };
        let name = paint(NAME, port.protocol.port(port.published));
        let to = format!("{}:{}", service.name, port.target);
        out.push_str(&format!("  {name} → {to}   {way}\n{backends}"));
    }
    out
}

fn host_way(topology: &Topology, service: &Service) -> String {
    let nodes: Vec<_> = (topology.tasks.iter())
        .filter(|t| t.service == service.name)
        .map(|t| format!("{} @ {}", t.name, node_of(topology, t)))
        .collect();
    match nodes.is_empty() {
        true => "only on the nodes that run a task: none".to_owned(),
        false => format!("only on the task's node: {}", nodes.join(", ")),
    }
}

fn mesh_way(topology: &Topology, service: &Service, port: PublishedPort) -> (String, String) {
    let wrong = |text: &str| paint(WRONG, format!("! {text}"));
    let Some(sandbox) =
        (topology.namespaces.iter()).find(|n| n.kind == NamespaceKind::IngressSandbox)
    else {
        return (wrong("this node has no ingress_sbox"), String::new());
    };
    let mut way = String::from("docker_gwbridge → ingress_sbox ");
    match gateway_address(topology, sandbox) {
        Some(address) => way.push_str(&format!("{address}:{}", port.published)),
        None => way.push_str(&wrong("not attached to docker_gwbridge")),
    }
    let ingress = topology.networks.iter().find(|n| n.ingress);
    let mark = (service.fwmarks.iter())
        .find(|m| ingress.is_some_and(|n| n.id == m.network))
        .map(|m| m.mark);
    let Some(mark) = mark else {
        way.push_str(&format!(" → {}", wrong("no firewall mark known")));
        return (way, String::new());
    };
    let Some(ipvs) = by_mark(sandbox, mark) else {
        let text = format!("fwmark {mark:#x} is not in IPVS");
        way.push_str(&format!(" → {}", wrong(&text)));
        return (way, String::new());
    };
    way.push_str(&format!(" → fwmark {mark:#x} → IPVS {}", ipvs.scheduler));
    (way, backends(topology, ingress, service, ipvs).render(6))
}

fn gateway_address(topology: &Topology, sandbox: &Namespace) -> Option<IpAddr> {
    let device = sandbox.devices.iter().find(|d| {
        let bridge = topology.bridge(sandbox.at(d));
        bridge.is_some_and(|(n, _)| n.inode == topology.host_namespace)
            && topology.vni(sandbox.at(d)).is_none()
    })?;
    Some(device.addresses.first()?.addr())
}

fn by_mark(namespace: &Namespace, mark: u32) -> Option<&IpvsService> {
    let mut all = namespace.ipvs.iter();
    all.find(|s| s.matches == IpvsMatch::Fwmark(mark))
}

/// IPVS' real servers beside the tasks that should be among them.
fn backends(
    topology: &Topology,
    network: Option<&Network>,
    service: &Service,
    ipvs: &IpvsService,
) -> Table {
    let mut table = Table::default();
    let mut destinations = Vec::from_iter(&ipvs.destinations);
    destinations.sort_by_key(|d| d.address);
    for to in destinations {
        let task = topology.task_by_address(to.address);
        let ours = task.is_some_and(|t| t.service == service.name);
        table.row([
            (PLAIN, to.address.to_string()),
            match task {
                Some(task) if ours => (NAME, task.name.clone()),
                _ => {
                    let who = who(topology, network, to.address);
                    let who = who.map_or(String::new(), |who| format!(", but {who}"));
                    (WRONG, format!("! no task of {}{who}", service.name))
                }
            },
            (
                PLAIN,
                task.map_or(String::new(), |t| format!("@ {}", node_of(topology, t))),
            ),
            (
                if to.weight == 0 { WRONG } else { FAINT },
                match to.weight {
                    0 => "! weight 0: takes no new connections".to_owned(),
                    weight => format!("weight {weight}"),
                },
            ),
            (FAINT, format!("{} active", to.active)),
            (FAINT, format!("{} inactive", to.inactive)),
            (
                FAINT,
                match to.forwarding {
                    IpvsForwarding::Masq => String::new(),
                    other => other.to_string(),
                },
            ),
        ]);
    }
    for (task, address) in tasks_on(topology, service, network) {
        let known = ipvs.destinations.iter().any(|d| Some(d.address) == address);
        if let (Some(address), false, TaskState::Running) = (address, known, task.state) {
            table.row([
                (PLAIN, address.to_string()),
                (NAME, task.name.clone()),
                (PLAIN, format!("@ {}", node_of(topology, task))),
                (WRONG, "! not in IPVS".to_owned()),
            ]);
        }
    }
    table
}

/// The tasks of a service with their addresses on one network.
fn tasks_on<'a>(
    topology: &'a Topology,
    service: &'a Service,
    network: Option<&'a Network>,
) -> impl Iterator<Item = (&'a Task, Option<IpAddr>)> {
    (topology.tasks.iter())
        .filter(|t| t.service == service.name)
        .map(move |task| {
            let address = (task.addresses.iter())
                .find(|a| network.is_some_and(|n| n.id == a.network))
                .map(|a| a.address);
            (task, address)
        })
}

/// One row for each task on each of its service's networks.
pub(super) fn services(topology: &Topology) -> Table {
    let mut table = Table::default();
    if topology.services.is_empty() {
        return table;
    }
    heading(
        &mut table,
        [
            "SERVICE", "NETWORK", "VIP", "FWMARK", "TASK", "ADDRESS", "NODE", "STATE",
        ],
    );
    for service in &topology.services {
        let mut name = service.name.clone();
        let mut networks: Vec<Option<&Network>> = topology.networks_of(service).map(Some).collect();
        if networks.is_empty() {
            // On networks of the nodes' own, or on none at all.
            networks.push(None);
        }
        for network in networks {
            let mut rows: Vec<_> = tasks_on(topology, service, network)
                .filter(|(_, address)| address.is_some() || network.is_none())
                .map(|(task, address)| {
                    let address = address.map_or("-".to_owned(), |a| a.to_string());
                    let node = node_of(topology, task);
                    ([task.name.clone(), address, node], Some(task.state))
                })
                .collect();
            if rows.is_empty() {
                rows.push((["no task".to_owned(), String::new(), String::new()], None));
            }
            let mut first = [
                network.map_or("-".to_owned(), |n| n.name.clone()),
                vip(service, network),
                mark(service, network),
            ];
            for ([task, address, node], state) in rows {
                let [network, vip, mark] = std::mem::take(&mut first);
                let running = state == Some(TaskState::Running);
                let state = state.map_or_else(String::new, |state| state.to_string());
                table.row([
                    (NAME, std::mem::take(&mut name)),
                    (PLAIN, network),
                    (PLAIN, vip),
                    (PLAIN, mark),
                    (NAME, task),
                    (PLAIN, address),
                    (PLAIN, node),
                    (if running { FAINT } else { WRONG }, state),
                ]);
            }
        }
    }
    table
}

fn vip(service: &Service, network: Option<&Network>) -> String {
    if service.endpoint_mode == EndpointMode::Dnsrr {
        return "dnsrr".to_owned();
    }
    (service.vips.iter())
        .find(|v| network.is_some_and(|n| n.id == v.network))
        .map_or("-".to_owned(), |v| v.address.to_string())
}

fn mark(service: &Service, network: Option<&Network>) -> String {
    (service.fwmarks.iter())
        .find(|m| network.is_some_and(|n| n.id == m.network))
        .map_or("-".to_owned(), |m| format!("{:#x}", m.mark))
}

fn node_of(topology: &Topology, task: &Task) -> String {
    if let Some(node) = topology.node(&task.node).filter(|_| !task.node.is_empty()) {
        return topology.node_name(node);
    }
    // A worker may only know the address behind which the task is.
    let mut endpoints = topology.networks.iter().flat_map(|n| &n.endpoints);
    endpoints
        .find(|e| task.addresses.iter().any(|a| a.address == e.address))
        .and_then(|e| e.host)
        .map_or("-".to_owned(), |host| host_name(topology, host))
}
