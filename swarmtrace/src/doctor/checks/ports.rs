//! Processes that listen on a port which is dockerd's (a published port) or the
//! kernel's (the data path).

use crate::doctor::examined::Examined;
use crate::doctor::facts::Listener;
use crate::doctor::finding::{Finding, Severity};
use crate::failure::{DATA_PATH_PORT_TAKEN, Location, PUBLISHED_PORT_TAKEN, ReadFrom};
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
        found.push(
            Finding::proven(
                &PUBLISHED_PORT_TAKEN,
                Severity::Risky,
                ReadFrom::Sockets,
                format!("{port} is published and also bound by {name} (pid {pid})"),
                Location::namespace("host").service(&service.name),
            )
            .why(format!(
                "The rules of the routing mesh come first: {name} gets no connections from \
                 outside, and once they are gone clients reach {name} instead of the service."
            ))
            .confirm("sudo ss -lntup")
            .fix(format!(
                "Publish {} on another port, or move {name}.",
                service.name
            )),
        );
    }
    let port = topology.docker.as_ref().map_or(0, |d| d.data_path_port);
    if port != 0
        && let Some((name, pid)) = taken(listeners, Protocol::Udp, port)
    {
        found.push(
            Finding::proven(
                &DATA_PATH_PORT_TAKEN,
                Severity::Broken,
                ReadFrom::Sockets,
                format!(
                    "{} (data path) is bound by {name} (pid {pid})",
                    Protocol::Udp.port(port)
                ),
                Location::namespace("host"),
            )
            .why(
                "VXLAN devices cannot be set up: tasks on overlays fail to start on this node, \
                  or are cut off from other nodes.",
            )
            .confirm("sudo ss -lnup")
            .fix(format!(
                "Stop {name} or move it to another port; else create the Swarm again with \
                 another --data-path-port."
            )),
        );
    }
    found
}

/// The process that listens on the port, unless it is Docker or the kernel.
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
