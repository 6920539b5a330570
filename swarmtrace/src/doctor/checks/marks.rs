//! Marks in a load balancer: a mangle rule marks a packet, and IPVS has a service
//! for the mark. One without the other balances nothing.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::doctor::swarm::command;
use crate::failure::{
    IPVS_SERVICE_MISSING, IPVS_SERVICE_UNUSED, Location, ReadFrom, VIRTUAL_ADDRESS_MISSING,
};
use crate::firewall::iptables::Target;
use crate::firewall::{Firewall, Packet};
use crate::sys::protocol::Protocol;
use crate::topology::{EndpointMode, IpvsMatch, Namespace, Network, Service, Topology};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Relied on: Docker 20.10 adds a destination for each new task, but the mark
/// rule and the IPVS service only with a service's first task.
const LASTING: &str = "Docker writes rule, virtual address and virtual service together, when a \
                       service gets its first task: restart dockerd on this node, or scale the \
                       service to 0 and back (docker service update --force does not help). If \
                       iptables' backend was switched while Docker ran, switch it back first.";

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    let topology = &examined.topology;
    let mut found = Vec::new();
    for (sandbox, network) in topology.load_balancers() {
        let Some(rules) = examined.rules(sandbox) else {
            continue;
        };
        let one = Sandbox {
            topology,
            namespace: sandbox,
            network,
            rules,
        };
        match network.ingress {
            true => found.extend(one.ports()),
            false => found.extend(one.vips()),
        }
        found.extend(one.unmarked());
    }
    found
}

/// The mark that a load balancer gives to packets for a virtual address.
pub(super) fn of_vip(rules: &Firewall, vip: IpAddr) -> Option<u32> {
    let packet = Packet {
        // No device: no rule of Docker's asks for it.
        destination: Some(vip),
        destination_local: true,
        protocol: Protocol::Tcp.into(),
        ..Packet::default()
    };
    let mark = rules.walk("mangle", "INPUT", &packet).mark;
    (mark != 0).then_some(mark)
}

struct Sandbox<'a> {
    topology: &'a Topology,
    namespace: &'a Namespace,
    network: &'a Network,
    rules: &'a Firewall,
}

impl Sandbox<'_> {
    fn ports(&self) -> Vec<Finding> {
        let gateway = self.topology.gateway_nic(self.namespace);
        let mut found = Vec::new();
        for (service, port) in self.topology.mesh_ports() {
            let mut packet = Packet {
                input: gateway.map(|(d, _)| d.name.clone()),
                destination: gateway.map(|(_, a)| a.into()),
                destination_local: true,
                protocol: port.protocol.into(),
                destination_port: Some(port.published),
                ..Packet::default()
            };
            let walk = self.rules.walk("mangle", "PREROUTING", &packet);
            packet.mark = walk.mark;
            let walk = self.rules.walk("mangle", "INPUT", &packet);
            let name = port.protocol.port(port.published);
            let protocol = name.split('/').next().unwrap_or_default();
            let rule = format!("PREROUTING -p {protocol} --dport {}", port.published);
            found.extend(self.judge(service, &name, walk.mark, &rule));
        }
        found
    }

    fn vips(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        for service in &self.topology.services {
            let balanced = service.endpoint_mode == EndpointMode::Vip
                && self
                    .topology
                    .backends(&service.name, &self.network.id)
                    .next()
                    .is_some();
            let vips = service.vips.iter().filter(|v| v.network == self.network.id);
            for vip in vips.filter(|_| balanced) {
                let mark = of_vip(self.rules, vip.address).unwrap_or(0);
                let name = format!("virtual address {}", vip.address);
                let rule = format!("INPUT -d {}/32", vip.address);
                found.extend(self.judge(service, &name, mark, &rule));
                let mut devices = self.namespace.devices.iter();
                if !devices.any(|d| d.addresses.iter().any(|a| a.addr() == vip.address)) {
                    found.push(self.not_there(service, vip.address));
                }
            }
        }
        found
    }

    /// A finding if the mark is 0 or IPVS has no service for it. `rule` holds the
    /// chain and the conditions of the rule that should set it.
    fn judge(&self, service: &Service, name: &str, mark: u32, rule: &str) -> Option<Finding> {
        if mark == 0 {
            return Some(
                Finding::proven(
                    &IPVS_SERVICE_MISSING,
                    Severity::Broken,
                    ReadFrom::Firewall,
                    format!("{name} gets no mark in {}", self.namespace.name),
                    self.place().service(&service.name),
                )
                .why(
                    "IPVS finds its service by the mark: the load balancer itself answers \
                      unmarked packets, with a reset.",
                )
                .confirm(self.command("iptables -t mangle -S"))
                .fix(match self.mark_of(service) {
                    Some(mark) => format!(
                        "{LASTING} At once: {}",
                        self.command(&format!(
                            "iptables -t mangle -A {rule} -j MARK --set-mark {mark:#x}"
                        ))
                    ),
                    None => LASTING.to_owned(),
                }),
            );
        }
        let known = |m: &IpvsMatch| *m == IpvsMatch::Fwmark(mark);
        if self.namespace.ipvs.iter().any(|s| known(&s.matches)) {
            return None;
        }
        Some(
            Finding::proven(
                &IPVS_SERVICE_MISSING,
                Severity::Broken,
                ReadFrom::Firewall,
                format!(
                    "{name} gets mark {mark:#x}, for which {} has no IPVS service",
                    self.namespace.name
                ),
                self.place().service(&service.name),
            )
            .why(
                "The load balancer itself answers a marked packet without an IPVS service, with \
                  a reset.",
            )
            .confirm(self.command("ipvsadm -Ln"))
            .fix(format!(
                "{LASTING} At once: {}",
                self.balance_again(service, mark)
            )),
        )
    }

    fn not_there(&self, service: &Service, vip: IpAddr) -> Finding {
        Finding::proven(
            &VIRTUAL_ADDRESS_MISSING,
            Severity::Broken,
            ReadFrom::Devices,
            format!(
                "{} does not have the virtual address {vip}",
                self.namespace.name
            ),
            self.place().service(&service.name),
        )
        .why(
            "Nothing on the overlay answers ARP for the address: containers of this node \
                  cannot connect to the service by name.",
        )
        .confirm(self.command("ip -4 address"))
        .fix(match self.topology.nic_on(self.namespace, self.network) {
            Some(device) => format!(
                "{LASTING} At once: {}",
                self.command(&format!("ip address add {vip}/32 dev {}", device.name))
            ),
            None => LASTING.to_owned(),
        })
    }

    /// IPVS services that no rule marks packets for.
    fn unmarked(&self) -> Vec<Finding> {
        let marks: BTreeSet<u32> = (self.rules.all("mangle"))
            .filter_map(|(_, rule)| match rule.target {
                Some(Target::Mark(value, _)) => Some(value),
                _ => None,
            })
            .collect();
        let known: Vec<u32> = self.services_marks();
        (self.namespace.ipvs.iter())
            .filter_map(|s| match s.matches {
                IpvsMatch::Fwmark(mark) if !marks.contains(&mark) => Some((s, mark)),
                _ => None,
            })
            // A service whose mark rule is missing has its own finding.
            .filter(|(_, mark)| !known.contains(mark))
            .map(|(service, mark)| {
                Finding::proven(
                    &IPVS_SERVICE_UNUSED,
                    match service.destinations.is_empty() {
                        true => Severity::Note,
                        false => Severity::Risky,
                    },
                    ReadFrom::Firewall,
                    format!(
                        "{} has an IPVS service for mark {mark:#x} and no rule that sets it",
                        self.namespace.name
                    ),
                    self.place(),
                )
                .why(
                    "No packet gets that mark: the IPVS service is a leftover, or its rule was \
                      removed.",
                )
                .confirm(self.command("ipvsadm -Ln"))
                .fix(match service.destinations.is_empty() {
                    true => format!(
                        "At once: {}",
                        self.command(&format!("ipvsadm -D -f {mark}"))
                    ),
                    false => LASTING.to_owned(),
                })
            })
            .collect()
    }

    /// Commands that make an IPVS service of the service's running tasks.
    fn balance_again(&self, service: &Service, mark: u32) -> String {
        let to = match self.network.dsr {
            true => "-g",
            false => "-m",
        };
        let destinations =
            self.topology
                .backends(&service.name, &self.network.id)
                .map(|(_, address)| {
                    self.command(&format!("ipvsadm -a -f {mark} -r {address}:0 {to} -w 1"))
                });
        let service = self.command(&format!("ipvsadm -A -f {mark} -s rr"));
        let all: Vec<String> = std::iter::once(service).chain(destinations).collect();
        all.join("; ")
    }

    /// The service's mark here, as Docker reports it.
    fn mark_of(&self, service: &Service) -> Option<u32> {
        let mut marks = service.fwmarks.iter();
        Some(marks.find(|m| m.network == self.network.id)?.mark)
    }

    fn command(&self, text: &str) -> String {
        command(self.namespace, text)
    }

    /// The marks of the Swarm's services here, as Docker reports them.
    fn services_marks(&self) -> Vec<u32> {
        let services = self.topology.services.iter();
        let marks = services.flat_map(|s| &s.fwmarks);
        marks
            .filter(|m| m.network == self.network.id)
            .map(|m| m.mark)
            .collect()
    }

    fn place(&self) -> Location {
        Location::namespace(&self.namespace.name).network(&self.network.name)
    }
}
