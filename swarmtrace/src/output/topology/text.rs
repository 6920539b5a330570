//! A snapshot for people, on one screen.
//!
//! Ordered as one asks when something is broken: what is published and where it
//! leads, which tasks are behind it, then the networks, then every namespace
//! with its devices. Whatever does not fit together (a backend that is no
//! task's, a neighbour without a forwarding entry, a firewall mark that IPVS
//! does not know) is marked where it stands.

use super::names::{heading, host_name};
use super::{namespaces, services};
use crate::output::style::{FAINT, HEADING, NAME, PLAIN, WRONG, paint};
use crate::output::table::Table;
use crate::topology::{Network, NetworkDriver, SwarmRole, Topology};
use std::net::IpAddr;

/// The text, with ANSI styles.
pub fn render(topology: &Topology) -> String {
    let mut out = header(topology);
    section(&mut out, "NODES", nodes(topology).render(2));
    section(&mut out, "PUBLISHED PORTS", services::published(topology));
    section(&mut out, "SERVICES", services::services(topology).render(2));
    section(&mut out, "NETWORKS", networks(topology).render(2));
    section(&mut out, "NAMESPACES", namespaces::namespaces(topology));
    out
}

fn section(out: &mut String, title: &str, body: String) {
    if !body.is_empty() {
        out.push_str(&format!("\n{}\n{body}", paint(HEADING, title)));
    }
}

fn header(topology: &Topology) -> String {
    let name = paint(HEADING, &topology.hostname);
    let Some(docker) = &topology.docker else {
        return format!("{name}  {}\n", paint(WRONG, "! Docker does not answer"));
    };
    let role = match docker.role {
        SwarmRole::Manager => "manager",
        SwarmRole::Worker => "worker",
        SwarmRole::Inactive => "not in a Swarm",
    };
    let port = match docker.data_path_port {
        0 => String::new(),
        port => format!("  VXLAN on udp/{port}"),
    };
    let (version, api) = (&docker.version, &docker.api_version);
    format!("{name}  {role}  Docker {version} (API {api}){port}\n")
}

fn nodes(topology: &Topology) -> Table {
    let mut table = Table::default();
    for node in &topology.nodes {
        let addresses: Vec<_> = node.addresses.iter().map(IpAddr::to_string).collect();
        table.row([
            (NAME, node.hostname.clone()),
            (PLAIN, addresses.join(", ")),
            (FAINT, node.id.clone()),
            (PLAIN, if node.local { "this node" } else { "" }.to_owned()),
        ]);
    }
    table
}

fn networks(topology: &Topology) -> Table {
    let mut table = Table::default();
    let shown: Vec<_> = (topology.networks.iter())
        .filter(|n| n.driver == NetworkDriver::Overlay)
        .collect();
    if shown.is_empty() {
        return table;
    }
    heading(
        &mut table,
        [
            "NETWORK",
            "VNI",
            "SUBNET",
            "OPTIONS",
            "LB HERE",
            "LB ELSEWHERE",
        ],
    );
    for network in shown {
        let list = |items: Vec<String>| items.join(", ");
        let elsewhere = (network.endpoints.iter())
            .filter(|e| e.is_load_balancer() && Some(e.address) != network.load_balancer)
            .map(|e| match e.host {
                Some(host) => format!("{} @ {}", e.address, host_name(topology, host)),
                None => e.address.to_string(),
            });
        table.row([
            (NAME, network.name.clone()),
            (
                PLAIN,
                list(network.vnis.iter().map(u32::to_string).collect()),
            ),
            (
                PLAIN,
                list(network.subnets.iter().map(ToString::to_string).collect()),
            ),
            (PLAIN, options(network)),
            (
                PLAIN,
                (network.load_balancer).map_or("-".to_owned(), |a| a.to_string()),
            ),
            (PLAIN, list(elsewhere.collect())),
        ]);
    }
    table
}

fn options(network: &Network) -> String {
    let options = [
        (network.ingress, "routing mesh"),
        (network.encrypted, "encrypted"),
        (network.dsr, "dsr"),
    ];
    let set: Vec<_> = (options.iter())
        .filter(|(on, _)| *on)
        .map(|(_, name)| *name)
        .collect();
    match set.is_empty() {
        true => "-".to_owned(),
        false => set.join(", "),
    }
}
