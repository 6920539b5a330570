//! The packet filter rules of a Swarm node, as Docker writes them (compare the
//! `iptables-save` of a real one: `DOCKER-INGRESS` in the node's namespace,
//! marks and SNAT in the load balancers, REDIRECT and the narrow filter in a
//! task).
//!
//! IPVS is the one part that not every kernel has. Where it is missing, a nat
//! DNAT with `statistic` in nth mode stands in for its round robin: the rewrite
//! is the same, but it happens in PREROUTING, so the packet is forwarded (and
//! loses one from its TTL) where IPVS would take it in and send a new one.

use crate::plan::{
    BACKNET, HOSTED_PORT, INGRESS, Network, SERVICES, Sandbox, Service, gateway_address,
};
use bed::namespace::Namespace;
use std::fmt::Write;
use std::net::Ipv4Addr;

/// What spreads connections over tasks on this kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancer {
    /// IPVS, as in a real Swarm.
    Ipvs,
    /// nat DNAT in its stead.
    Dnat,
}

impl Balancer {
    /// IPVS where the kernel has it.
    pub fn of_this_kernel() -> Self {
        match std::path::Path::new("/proc/net/ip_vs").exists() {
            true => Self::Ipvs,
            false => Self::Dnat,
        }
    }
}

/// Rules of a node's own namespace; `hosted` is the mode=host task here, if any.
pub fn host(namespace: &Namespace, hosted: Option<&Sandbox>) {
    let mut nat = String::from(
        "*nat\n\
         :DOCKER -\n\
         :DOCKER-INGRESS -\n\
         -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS\n\
         -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n\
         -A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS\n\
         -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER\n\
         -A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE\n\
         -A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE\n\
         -A DOCKER -i docker_gwbridge -j RETURN\n",
    );
    let mut filter = String::from(
        "*filter\n\
         :DOCKER -\n\
         :DOCKER-INGRESS -\n\
         -A FORWARD -j DOCKER-INGRESS\n\
         -A FORWARD -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A FORWARD -o docker_gwbridge -j DOCKER\n\
         -A FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT\n\
         -A FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP\n",
    );
    let sandbox = gateway_address(2);
    for service in SERVICES {
        let (protocol, port) = (service.protocol, service.published);
        line(
            &mut nat,
            &format!(
                "-A DOCKER-INGRESS -p {protocol} --dport {port} -j DNAT --to-destination {sandbox}:{port}"
            ),
        );
        line(
            &mut filter,
            &format!("-A DOCKER-INGRESS -p {protocol} --dport {port} -j ACCEPT"),
        );
        line(
            &mut filter,
            &format!(
                "-A DOCKER-INGRESS -p {protocol} --sport {port} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
            ),
        );
    }
    if let Some(task) = hosted.and_then(|task| task.gateway) {
        let task = gateway_address(task);
        line(
            &mut nat,
            &format!(
                "-A DOCKER ! -i docker_gwbridge -p tcp --dport {HOSTED_PORT} -j DNAT --to-destination {task}:80"
            ),
        );
        line(
            &mut filter,
            &format!(
                "-A DOCKER -d {task}/32 ! -i docker_gwbridge -o docker_gwbridge -p tcp --dport 80 -j ACCEPT"
            ),
        );
    }
    line(&mut nat, "-A DOCKER-INGRESS -j RETURN\nCOMMIT");
    line(&mut filter, "-A DOCKER-INGRESS -j RETURN\nCOMMIT");
    namespace.output("iptables-restore", &[], &(nat + &filter));
}

/// Rules, marks and balancing of `ingress_sbox` or an `lb_` sandbox.
pub fn load_balancer(
    namespace: &Namespace,
    sandbox: &Sandbox,
    tasks: &[&Sandbox],
    balancer: Balancer,
) {
    let ingress = sandbox.ingress.is_some();
    let (network, own): (&Network, _) = if ingress {
        (&INGRESS, sandbox.on_ingress())
    } else {
        (&BACKNET, sandbox.on_backnet())
    };
    let own = own.expect("a load balancer has an address on its network");
    let mut mangle = String::from("*mangle\n");
    let mut nat = String::from("*nat\n");
    let mut ipvs = String::new();
    for service in SERVICES {
        let (mark, vip) = mark_and_vip(service, sandbox, ingress);
        let (protocol, port) = (service.protocol, service.published);
        if ingress {
            line(
                &mut mangle,
                &format!("-A PREROUTING -p {protocol} --dport {port} -j MARK --set-mark {mark:#x}"),
            );
        }
        line(
            &mut mangle,
            &format!("-A INPUT -d {vip}/32 -j MARK --set-mark {mark:#x}"),
        );
        let backends: Vec<Ipv4Addr> = tasks
            .iter()
            .filter(|task| task.is_task_of(service.name))
            .filter_map(|task| {
                if ingress {
                    task.on_ingress()
                } else {
                    task.on_backnet()
                }
            })
            .collect();
        match balancer {
            Balancer::Ipvs => {
                line(&mut ipvs, &format!("-A -f {mark} -s rr"));
                for backend in backends {
                    line(&mut ipvs, &format!("-a -f {mark} -r {backend}:0 -m -w 1"));
                }
            }
            Balancer::Dnat => {
                if !ingress {
                    line(
                        &mut mangle,
                        &format!("-A PREROUTING -d {vip}/32 -j MARK --set-mark {mark:#x}"),
                    );
                }
                for (index, backend) in backends.iter().enumerate() {
                    let every = backends.len() - index;
                    line(
                        &mut nat,
                        &format!(
                            "-A PREROUTING -m mark --mark {mark:#x} -m statistic --mode nth \
                             --every {every} --packet 0 -j DNAT --to-destination {backend}"
                        ),
                    );
                }
            }
        }
    }
    let condition = match balancer {
        Balancer::Ipvs => " -m ipvs --ipvs",
        Balancer::Dnat => "",
    };
    let subnet = network.subnet();
    line(
        &mut nat,
        &format!("-A POSTROUTING -d {subnet}{condition} -j SNAT --to-source {own}"),
    );
    namespace.output(
        "iptables-restore",
        &[],
        &format!("{mangle}COMMIT\n{nat}COMMIT\n"),
    );
    if balancer == Balancer::Ipvs {
        namespace.settings(&[("net.ipv4.vs.conntrack", "1")]);
        namespace.output("ipvsadm", &["--clear"], "");
        namespace.output("ipvsadm", &["--restore"], &ipvs);
    }
}

/// Rules of a task's sandbox on the routing mesh's network.
pub fn task(namespace: &Namespace, sandbox: &Sandbox) {
    let Some(own) = sandbox.on_ingress() else {
        return;
    };
    let mut nat = String::from("*nat\n");
    let mut filter = String::from("*filter\n");
    for service in SERVICES.iter().filter(|s| sandbox.is_task_of(s.name)) {
        let (protocol, target) = (service.protocol, service.target);
        line(
            &mut nat,
            &format!(
                "-A PREROUTING -d {own}/32 -p {protocol} --dport {} -j REDIRECT --to-ports {target}",
                service.published
            ),
        );
        line(
            &mut filter,
            &format!(
                "-A INPUT -d {own}/32 -p {protocol} --dport {target} -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n\
                 -A OUTPUT -s {own}/32 -p {protocol} --sport {target} -m conntrack --ctstate ESTABLISHED -j ACCEPT"
            ),
        );
    }
    for protocol in ["sctp", "udp", "tcp"] {
        line(
            &mut filter,
            &format!(
                "-A INPUT -d {own}/32 -p {protocol} -j DROP\n-A OUTPUT -s {own}/32 -p {protocol} -j DROP"
            ),
        );
    }
    namespace.output(
        "iptables-restore",
        &[],
        &format!("{nat}COMMIT\n{filter}COMMIT\n"),
    );
}

fn mark_and_vip(service: &Service, sandbox: &Sandbox, ingress: bool) -> (u32, Ipv4Addr) {
    let node = sandbox.side.index();
    if ingress {
        (
            service.ingress_mark[node],
            INGRESS.address(service.ingress_vip),
        )
    } else {
        (
            service.backnet_mark[node],
            BACKNET.address(service.backnet_vip),
        )
    }
}

fn line(rules: &mut String, rule: &str) {
    writeln!(rules, "{rule}").expect("writing to a String never fails");
}
