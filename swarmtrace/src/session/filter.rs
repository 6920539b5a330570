//! The kernel filter for a selection on a topology.

use super::options::TraceOptions;
use crate::capture::Capture;
use crate::selection::{Filter, Ports, SelectionError, Wanted};
use crate::topology::taps::{Scope, TapSite, sites};
use crate::topology::{DeviceKind, Topology};
use anyhow::Result;
use swarmtrace_common::{PortSet, Settings};

/// Docker's default data-path port.
const VXLAN_PORT: u16 = 4789;

/// The filter that the options mean on that topology.
pub fn compile(options: &TraceOptions, topology: &Topology) -> Result<Filter, SelectionError> {
    if options.whole_swarm && options.wanted.names_nothing() {
        return Ok(Filter::everything());
    }
    options.wanted.compile(topology)
}

/// The kernel side's settings under that filter.
pub fn settings(options: &TraceOptions, topology: &Topology, filter: &Filter) -> Settings {
    Settings {
        vxlan_port: vxlan_port(topology),
        mode: options.mode,
        match_any: u8::from(filter.kernel_endpoints().is_none()),
        sample: options.sample,
        ..Settings::default()
    }
}

/// Writes the filter and the settings into the kernel's maps.
pub fn apply(capture: &mut Capture, filter: &Filter, settings: Settings) -> Result<()> {
    // Widening comes before narrowing: no selected packet slips between.
    if let Ports::Only(ports) = &filter.ports {
        let ports: PortSet = ports.iter().copied().collect();
        capture.set_ports(&ports)?;
    }
    let endpoints = filter.kernel_endpoints().unwrap_or_default();
    capture.set_endpoints(&endpoints)?;
    capture.set_settings(settings)?;
    Ok(())
}

/// The devices to tap for what is selected.
pub fn tap_sites(wanted: &Wanted, topology: &Topology) -> Vec<TapSite> {
    sites(topology, &scope(wanted, topology))
}

/// Docker's data-path port: as Docker says, else as the VXLAN devices say.
fn vxlan_port(topology: &Topology) -> u16 {
    let devices = topology.namespaces.iter().flat_map(|n| &n.devices);
    let mut ports = devices.filter_map(|d| match d.kind {
        DeviceKind::Vxlan { port, .. } if port != 0 => Some(port),
        _ => None,
    });
    let docker = topology.docker.as_ref().map(|d| d.data_path_port);
    docker
        .filter(|port| *port != 0)
        .or_else(|| ports.next())
        .unwrap_or(VXLAN_PORT)
}

fn scope(wanted: &Wanted, topology: &Topology) -> Scope {
    let named = wanted.network.as_ref();
    let network = named.and_then(|name| {
        let is_it = |n: &&crate::topology::Network| &n.name == name || &n.id == name;
        topology.networks.iter().find(is_it)
    });
    match network {
        Some(network) if !network.vnis.is_empty() => {
            Scope::Vnis(network.vnis.iter().copied().collect())
        }
        _ => Scope::All,
    }
}
