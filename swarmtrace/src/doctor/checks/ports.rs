//! A published port is dockerd's on every node, and the data-path port the
//! kernel's. A process that has one of them was there first.

use super::finding;
use crate::doctor::facts::Listener;
use crate::doctor::{Examined, Finding, Id, Place, Severity};
use crate::sys::protocol::Protocol;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let Some(listeners) = &examined.facts.listeners else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (service, port) in topology.mesh_ports() {
        let Some((name, pid)) = taken(listeners, port.protocol, port.published) else {
            continue;
        };
        let port = port.protocol.port(port.published);
        found.push(Finding {
            why: format!(
                "The rules of the routing mesh come first: {name} gets no connections from \
                 outside, and once they are gone clients reach {name} instead of the service."
            ),
            confirm: "sudo ss -lntup".to_owned(),
            fix: format!("Publish {} on another port, or move {name}.", service.name),
            ..finding(
                Id::PublishedPortTaken,
                Severity::Risky,
                format!("{port} is published and also bound by {name} (pid {pid})"),
                Place::namespace("host").service(&service.name),
            )
        });
    }
    let port = topology.docker.as_ref().map_or(0, |d| d.data_path_port);
    if port != 0
        && let Some((name, pid)) = taken(listeners, Protocol::Udp, port)
    {
        found.push(Finding {
            why: "VXLAN devices cannot be set up: tasks on overlays fail to start on this node, \
                  or are cut off from other nodes."
                .to_owned(),
            issues: &["moby#33416"],
            confirm: "sudo ss -lnup".to_owned(),
            fix: format!(
                "Stop {name} or move it to another port; else the Swarm must be initialised anew \
                 with another --data-path-port."
            ),
            ..finding(
                Id::DataPathPortTaken,
                Severity::Broken,
                format!(
                    "{} (data path) is bound by {name} (pid {pid})",
                    Protocol::Udp.port(port)
                ),
                Place::namespace("host"),
            )
        });
    }
    found
}

/// The process that has the port, where it is neither Docker nor the kernel.
fn taken(listeners: &[Listener], protocol: Protocol, port: u16) -> Option<(&str, u32)> {
    let mut on = listeners
        .iter()
        .filter(|l| l.protocol == protocol && l.port == port);
    on.find_map(|l| {
        let (name, pid) = l.process.as_ref()?;
        let docker = matches!(name.as_str(), "dockerd" | "docker-proxy" | "swarmd");
        (!docker).then_some((name.as_str(), *pid))
    })
}
