//! One node of the replica: its own namespace, its overlay namespaces and its
//! sandboxes, put together in the order in which libnetwork does it.
//!
//! A VXLAN device is created in the node's namespace, so that its UDP socket
//! stays there, and moved; a veth pair is created in the node's namespace under
//! a random name, and each end moved and renamed. Docker's directory of namespace
//! files is real, in a mount namespace of the node's own: swarmtrace started with
//! [`Node::swarmtrace`] finds there what it finds on a Swarm node.

use crate::plan::{
    BACKNET, INGRESS, Network, SERVICES, Sandbox, Side, VXLAN_PORT, gateway_address,
};
use bed::binary::swarmtrace_binary;
use bed::namespace::Namespace;
use bed::program::Running;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where Docker keeps a file for each of its namespaces.
const DOCKER_NETNS: &str = "/run/docker/netns";

/// One node.
#[derive(Debug)]
pub struct Node {
    side: Side,
    host: Namespace,
    /// Overlay namespaces and sandboxes by the bed's name, with their file.
    others: BTreeMap<&'static str, (&'static str, Namespace)>,
    veths: AtomicU32,
}

impl Node {
    /// The node with its bridges and overlay namespaces, but no endpoints yet.
    pub(crate) fn new(side: Side) -> Self {
        let host = Namespace::machine(side.hostname());
        host.ip([
            "link add docker_gwbridge type bridge".to_owned(),
            format!("address add {}/16 dev docker_gwbridge", gateway_address(1)),
            "link set docker_gwbridge up".to_owned(),
        ]);
        host.settings(&[
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv4.conf.all.rp_filter", "0"),
            ("net.ipv4.conf.default.rp_filter", "0"),
            ("net.ipv4.conf.docker_gwbridge.rp_filter", "0"),
            ("net.ipv4.conf.docker_gwbridge.route_localnet", "1"),
        ]);
        host.run(|| std::fs::create_dir_all(DOCKER_NETNS).expect("create Docker's directory"));
        let mut node = Self {
            side,
            host,
            others: BTreeMap::new(),
            veths: AtomicU32::new(0),
        };
        for network in [&INGRESS, &BACKNET] {
            node.add_overlay(network);
        }
        node
    }

    fn add_overlay(&mut self, network: &Network) {
        let overlay = Namespace::new(network.namespace);
        let vxlan = format!("vx-{:06x}-{}", network.vni, &network.namespace[2..7]);
        let path = overlay.path();
        self.host.ip([
            format!(
                "link add {vxlan} type vxlan id {} dstport {VXLAN_PORT} learning proxy l2miss l3miss",
                network.vni
            ),
            format!("link set {vxlan} netns {}", path.display()),
        ]);
        overlay.ip([
            "link add br0 type bridge".to_owned(),
            format!("address add {}/24 dev br0", network.address(1)),
            "link set br0 mtu 1450 up".to_owned(),
            format!("link set {vxlan} name vxlan0"),
            "link set vxlan0 mtu 1450 master br0 up".to_owned(),
        ]);
        self.publish(network.namespace, network.namespace, overlay);
    }

    /// Puts a namespace into Docker's directory, as Docker does: the file first,
    /// the mount on it after.
    fn publish(&mut self, name: &'static str, file: &'static str, namespace: Namespace) {
        let (source, target) = (namespace.path(), format!("{DOCKER_NETNS}/{file}"));
        self.host.run(|| {
            std::fs::File::create(&target).expect("create a namespace file");
            let none = None::<&str>;
            mount(Some(&source), target.as_str(), none, MsFlags::MS_BIND, none)
                .expect("mount the namespace on its file");
        });
        self.others.insert(name, (file, namespace));
    }

    /// A new sandbox with its endpoints, wired and addressed, without rules.
    pub(crate) fn add(&mut self, sandbox: &Sandbox) {
        self.publish(sandbox.name, sandbox.file, Namespace::new(sandbox.name));
        let inside = self.namespace(sandbox.name);
        let mut in_host = Vec::new();
        let mut in_sandbox = Vec::new();
        let endpoints = [(&INGRESS, sandbox.ingress), (&BACKNET, sandbox.backnet)];
        let mut count = 0;
        for (network, host) in endpoints {
            let Some(host) = host else { continue };
            let overlay = self.namespace(network.namespace);
            let (outer, inner) = self.pair(&mut in_host, inside);
            in_host.push(format!(
                "link set {outer} netns {}",
                overlay.path().display()
            ));
            self.host.ip(in_host.drain(..));
            let port = overlay
                .devices()
                .iter()
                .filter(|(_, name)| name.starts_with("veth"))
                .count()
                - 1;
            overlay.ip([
                format!("link set {outer} name veth{port}"),
                format!("link set veth{port} mtu 1450 master br0 up"),
            ]);
            in_sandbox.extend([
                format!("link set {inner} name eth{count}"),
                format!("link set eth{count} address {} mtu 1450", network.mac(host)),
                format!("address add {}/24 dev eth{count}", network.address(host)),
                format!(
                    "address add {}/64 dev eth{count} nodad",
                    network.address6(host)
                ),
                format!("link set eth{count} up"),
            ]);
            count += 1;
        }
        if let Some(host) = sandbox.gateway {
            let (outer, inner) = self.pair(&mut in_host, inside);
            in_host.push(format!("link set {outer} master docker_gwbridge up"));
            self.host.ip(in_host);
            in_sandbox.extend([
                format!("link set {inner} name eth{count}"),
                format!("address add {}/16 dev eth{count}", gateway_address(host)),
                format!("link set eth{count} up"),
                format!("route add default via {}", gateway_address(1)),
            ]);
        }
        inside.ip(in_sandbox);
    }

    /// A veth pair in the node's namespace, its second end moved `inside`.
    fn pair(&self, script: &mut Vec<String>, inside: &Namespace) -> (String, String) {
        let name = || {
            let count = self.veths.fetch_add(1, Ordering::Relaxed);
            format!(
                "veth{:07x}",
                (count + 1).wrapping_mul(0x9e3_779b) & 0xfff_ffff
            )
        };
        let (outer, inner) = (name(), name());
        script.push(format!("link add {outer} type veth peer name {inner}"));
        script.push(format!(
            "link set {inner} netns {}",
            inside.path().display()
        ));
        (outer, inner)
    }

    /// Makes a load balancer of a sandbox: virtual addresses and forwarding.
    pub(crate) fn prepare_load_balancer(&self, sandbox: &Sandbox) {
        let inside = self.namespace(sandbox.name);
        inside.settings(&[
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv4.conf.all.rp_filter", "0"),
            ("net.ipv4.conf.all.send_redirects", "0"),
            ("net.ipv4.conf.eth0.send_redirects", "0"),
        ]);
        inside.ip(SERVICES.iter().map(|service| {
            let vip = match sandbox.ingress {
                Some(_) => INGRESS.address(service.ingress_vip),
                None => BACKNET.address(service.backnet_vip),
            };
            format!("address add {vip}/32 dev eth0")
        }));
    }

    /// Adds the neighbour and FDB entries of an endpoint on the other node.
    pub(crate) fn learn(&self, sandbox: &Sandbox) {
        for (network, host) in [(&INGRESS, sandbox.ingress), (&BACKNET, sandbox.backnet)] {
            let Some(host) = host else { continue };
            let overlay = self.namespace(network.namespace);
            let (mac, vtep) = (network.mac(host), sandbox.side.underlay());
            overlay.ip([
                format!(
                    "neigh replace {} lladdr {mac} dev vxlan0 nud permanent",
                    network.address(host)
                ),
                format!(
                    "neigh replace {} lladdr {mac} dev vxlan0 nud permanent",
                    network.address6(host)
                ),
            ]);
            overlay.bridge([format!(
                "fdb replace {mac} dev vxlan0 self permanent dst {vtep}"
            )]);
        }
    }

    /// Takes a sandbox away, as Docker does when a task ends.
    pub(crate) fn remove(&mut self, name: &str) {
        let Some((file, namespace)) = self.others.remove(name) else {
            panic!("no sandbox {name} on {}", self.side.hostname());
        };
        namespace.ip(namespace
            .devices()
            .iter()
            .map(|(_, device)| format!("link delete {device}")));
        self.host.run(|| {
            let target = format!("{DOCKER_NETNS}/{file}");
            umount2(target.as_str(), MntFlags::MNT_DETACH).expect("unmount a namespace file");
            std::fs::remove_file(target).expect("remove a namespace file");
        });
    }

    /// Connects the node's NICs: `eth0` to the clients, `eth1` to the other node.
    pub(crate) fn connect(&self, wire: &Namespace, other: Option<&Self>) {
        let front = format!("front{}", self.side.index());
        let mut script = vec![
            format!(
                "link add eth0 type veth peer name {front} netns {}",
                wire.path().display()
            ),
            format!("address add {}/24 dev eth0", self.side.front()),
            "link set eth0 up".to_owned(),
        ];
        if let Some(other) = other {
            script.push(format!(
                "link add eth1 type veth peer name eth1 netns {}",
                other.host.path().display()
            ));
        }
        self.host.ip(script);
        wire.ip([format!("link set {front} master wire up")]);
        for node in other.into_iter().chain(other.map(|_| self)) {
            node.host.ip([
                format!("address add {}/24 dev eth1", node.side.underlay()),
                "link set eth1 up".to_owned(),
            ]);
        }
    }

    /// Which node it is.
    pub fn side(&self) -> Side {
        self.side
    }

    /// The node's own namespace.
    pub fn host(&self) -> &Namespace {
        &self.host
    }

    /// An overlay namespace or a sandbox.
    #[track_caller]
    pub fn namespace(&self, name: &str) -> &Namespace {
        match self.others.get(name) {
            Some((_, namespace)) => namespace,
            None => panic!("no namespace {name} on {}", self.side.hostname()),
        }
    }

    /// Every namespace of the node, its own first.
    pub fn namespaces(&self) -> impl Iterator<Item = &Namespace> {
        std::iter::once(&self.host).chain(self.others.values().map(|(_, namespace)| namespace))
    }

    /// The file name under which Docker's directory has a namespace.
    pub fn file(&self, name: &str) -> Option<&'static str> {
        self.others.get(name).map(|(file, _)| *file)
    }

    /// Starts swarmtrace on this node.
    #[track_caller]
    pub fn swarmtrace(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
        let mut command = self.host.command(swarmtrace_binary());
        command.args(arguments);
        Running::start(command)
    }
}
