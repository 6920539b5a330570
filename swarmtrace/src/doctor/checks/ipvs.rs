//! A load balancer's destinations against the service's running tasks.

use super::marks;
use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{
    IPVS_DESTINATION_MISSING, IPVS_NO_DESTINATION, Location, ReadFrom, STALE_BACKEND,
};
use crate::topology::{
    EndpointMode, IpvsForwarding, IpvsMatch, IpvsService, Namespace, Network, Service, TaskState,
    Topology,
};
use std::collections::BTreeMap;
use std::net::IpAddr;

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (sandbox, network) in topology.load_balancers() {
        for service in &topology.services {
            let Some(ipvs) = ipvs_of(examined, sandbox, network, service) else {
                continue;
            };
            if service.endpoint_mode == EndpointMode::Vip {
                found.extend(compare(topology, sandbox, network, service, ipvs));
            }
        }
    }
    found
}

/// The IPVS service of a Swarm service, by the mark that the rules set, else by
/// the mark that Docker reports.
fn ipvs_of<'a>(
    examined: &Examined,
    sandbox: &'a Namespace,
    network: &Network,
    service: &Service,
) -> Option<&'a IpvsService> {
    let vip = service.vips.iter().find(|v| v.network == network.id)?;
    let rules = examined.rules(sandbox);
    let mark = rules
        .and_then(|r| marks::of_vip(r, vip.address))
        .or_else(|| {
            let mark = service.fwmarks.iter().find(|m| m.network == network.id)?;
            Some(mark.mark)
        })?;
    let mut all = sandbox.ipvs.iter();
    all.find(|s| s.matches == IpvsMatch::Fwmark(mark))
}

fn compare(
    topology: &Topology,
    sandbox: &Namespace,
    network: &Network,
    service: &Service,
    ipvs: &IpvsService,
) -> Vec<Finding> {
    let tasks: BTreeMap<IpAddr, &str> = topology
        .backends(&service.name, &network.id)
        .map(|(task, address)| (address, task.name.as_str()))
        .collect();
    let place = Location::namespace(&sandbox.name)
        .network(&network.name)
        .service(&service.name);
    let confirm = command(sandbox, "ipvsadm -Ln");
    let mut found = Vec::new();
    let (addresses, missing): (Vec<String>, Vec<String>) = (tasks.iter())
        .filter(|(address, _)| !ipvs.destinations.iter().any(|d| d.address == **address))
        .map(|(address, name)| (address.to_string(), format!("{name} ({address})")))
        .unzip();
    if !missing.is_empty() {
        let none = missing.len() == tasks.len();
        found.push(
            Finding::proven(
                match none {
                    true => &IPVS_NO_DESTINATION,
                    false => &IPVS_DESTINATION_MISSING,
                },
                Severity::Broken,
                ReadFrom::Ipvs,
                format!("no IPVS destination for {}", missing.join(", ")),
                place.clone(),
            )
            .why(match none {
                true => "The load balancer of this node knows none of the service's tasks: \
                         every connection is refused."
                    .to_owned(),
                false => {
                    "The task gets no connections through this node; the others carry its share."
                        .to_owned()
                }
            })
            .confirm(confirm.clone())
            .fix(format!(
                "docker service update --force {}. At once: {}",
                service.name,
                edit(sandbox, ipvs, "-a", &addresses)
            )),
        );
    }
    let extra: Vec<String> = (ipvs.destinations.iter())
        // Weight 0 lets open connections end; no new connection goes there.
        .filter(|d| d.weight > 0 && !tasks.contains_key(&d.address))
        .filter(|d| !coming_or_going(topology, service, d.address))
        .map(|d| d.address.to_string())
        .collect();
    if !extra.is_empty() {
        found.push(
            Finding::proven(
                &STALE_BACKEND,
                Severity::Broken,
                ReadFrom::Ipvs,
                format!(
                    "IPVS destination without a running task: {}",
                    extra.join(", ")
                ),
                place.clone(),
            )
            .why(format!(
                "{} of {} new connections go to an address behind which no task runs: they \
                 are reset or time out.",
                extra.len(),
                ipvs.destinations.iter().filter(|d| d.weight > 0).count()
            ))
            .confirm(confirm)
            .fix(format!(
                "Restart dockerd on this node: until then it does not remove a destination that \
                 it no longer tracks. At once: {}",
                edit(sandbox, ipvs, "-d", &extra)
            )),
        );
    }
    if !tasks.is_empty()
        && !ipvs.destinations.is_empty()
        && ipvs.destinations.iter().all(|d| d.weight == 0)
    {
        found.push(
            Finding::proven(
                &IPVS_NO_DESTINATION,
                Severity::Broken,
                ReadFrom::Ipvs,
                "every IPVS destination has weight 0".to_owned(),
                place,
            )
            .why("A destination of weight 0 takes no new connections.")
            .confirm(command(sandbox, "ipvsadm -Ln"))
            .fix(format!("docker service update --force {}", service.name)),
        );
    }
    found
}

/// Whether the address is that of a task that starts or stops, which may have a
/// destination or not.
fn coming_or_going(topology: &Topology, service: &Service, address: IpAddr) -> bool {
    topology.task_by_address(address).is_some_and(|t| {
        t.service == service.name
            && !matches!(
                t.state,
                TaskState::Failed | TaskState::Rejected | TaskState::Complete
            )
    })
}

/// Commands that add (`-a`) or remove (`-d`) destinations.
fn edit(sandbox: &Namespace, ipvs: &IpvsService, option: &str, addresses: &[String]) -> String {
    let IpvsMatch::Fwmark(mark) = ipvs.matches else {
        return format!("ipvsadm {option}");
    };
    // The forwarding method of the other destinations; NAT without any.
    let route = ipvs
        .destinations
        .iter()
        .any(|d| d.forwarding == IpvsForwarding::Route);
    let how = match (option, route) {
        ("-a", true) => " -g -w 1",
        ("-a", false) => " -m -w 1",
        _ => "",
    };
    let commands: Vec<String> = (addresses.iter())
        .map(|a| {
            let text = format!("ipvsadm {option} -f {mark} -r {a}:0{how}");
            command(sandbox, &text)
        })
        .collect();
    commands.join("; ")
}
