//! Real Swarms' answers for tests: the dumps under `tests/fixtures`, as the
//! sources would have returned them.

use super::assemble::assemble;
use super::docker::api::{self, Answers};
use super::docker::interpret;
use super::kernel::Kernel;
use super::{
    Device, DeviceKind, DeviceRef, FdbEntry, Namespace, NamespaceKind, Neighbour, Topology, ipvs,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folder of a node: `swarm/a`, `swarm/b`, `host-mode/a`.
pub fn node(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(name)
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_str(&text(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Docker's answers on that node.
pub(super) fn answers(name: &str) -> Answers {
    let dir = node(name);
    let optional = |file: &str| dir.join(file).exists().then(|| dir.join(file));
    let listed: Vec<api::Network> = read(&dir.join("networks.json"));
    let containers: Vec<api::Container> = read(&dir.join("containers.json"));
    Answers {
        version: read(&dir.join("version.json")),
        info: read(&dir.join("info.json")),
        networks: (listed.into_iter())
            .map(|n| match optional(&format!("network-{}.json", n.id)) {
                Some(verbose) => read(&verbose),
                None => n,
            })
            .collect(),
        sandboxes: (containers.iter())
            .map(|c| {
                (
                    c.id.clone(),
                    read(&dir.join(format!("container-{}.json", c.id))),
                )
            })
            .collect(),
        containers,
        services: optional("services.json")
            .map(|p| read(&p))
            .unwrap_or_default(),
        tasks: optional("tasks.json").map(|p| read(&p)).unwrap_or_default(),
        nodes: optional("nodes.json").map(|p| read(&p)).unwrap_or_default(),
        udp_ports: Vec::new(),
        gaps: Vec::new(),
    }
}

#[derive(Deserialize)]
struct Link {
    ifindex: u32,
    ifname: String,
    link_index: Option<u32>,
    link_netnsid: Option<i32>,
    master: Option<String>,
    link_type: String,
    address: String,
    flags: Vec<String>,
    mtu: u32,
    #[serde(default)]
    kind: String,
    vxlan: Option<Vxlan>,
    addresses: Vec<ipnet::IpNet>,
}

#[derive(Deserialize)]
struct Vxlan {
    id: u32,
    port: u16,
}

/// The namespaces of that node, as [`super::kernel::read`] would have returned
/// them: a namespace with several files once.
pub fn kernel(name: &str) -> Kernel {
    let dir = node(name);
    let mut folders: Vec<PathBuf> = (std::fs::read_dir(&dir).unwrap())
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    folders.sort_by_key(|p| (!p.ends_with("host"), p.clone()));
    let mut links: BTreeMap<u32, Vec<Link>> = BTreeMap::new();
    let mut kernel = Kernel::default();
    for folder in folders {
        let inode: u32 = text(&folder.join("inode")).trim().parse().unwrap();
        if links.contains_key(&inode) {
            continue;
        }
        let here: Vec<Link> = read(&folder.join("links.json"));
        let index = |name: &str| here.iter().find(|l| l.ifname == name).map(|l| l.ifindex);
        let lines = |file: &str| {
            let path = folder.join(file);
            let text = if path.exists() {
                text(&path)
            } else {
                String::new()
            };
            let words = |line: &str| line.split_whitespace().map(String::from).collect();
            text.lines().map(words).collect::<Vec<Vec<String>>>()
        };
        let after = |words: &[String], key: &str| {
            let at = words.iter().position(|w| w == key)?;
            words.get(at + 1).cloned()
        };
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let host = kernel.namespaces.is_empty();
        kernel.namespaces.push(Namespace {
            inode,
            kind: if host {
                NamespaceKind::Host
            } else {
                NamespaceKind::Other
            },
            path: if host {
                "/proc/self/ns/net".into()
            } else {
                Path::new("/var/run/docker/netns").join(&name)
            },
            name,
            devices: here.iter().map(|l| device(l, index)).collect(),
            ipvs: if folder.join("ip_vs").exists() {
                ipvs::parse(&text(&folder.join("ip_vs")))
            } else {
                Vec::new()
            },
            neighbours: (lines("neigh").iter())
                .map(|w| Neighbour {
                    ifindex: index(&after(w, "dev").unwrap()).unwrap(),
                    address: w[0].parse().unwrap(),
                    mac: after(w, "lladdr").map(|mac| mac.parse().unwrap()),
                    state: w.last().unwrap().to_lowercase().as_str().into(),
                })
                .collect(),
            fdb: (lines("fdb").iter())
                .map(|w| FdbEntry {
                    ifindex: index(&after(w, "dev").unwrap()).unwrap(),
                    mac: w[0].parse().unwrap(),
                    vtep: after(w, "dst").unwrap().parse().unwrap(),
                    state: w.last().unwrap().as_str().into(),
                })
                .collect(),
        });
        links.insert(inode, here);
    }
    kernel.host_namespace = kernel.namespaces[0].inode;
    // The dumps have no inode for a netnsid; but a pair names each other.
    for namespace in &mut kernel.namespaces {
        for device in &mut namespace.devices {
            let DeviceKind::Veth { peer } = &mut device.kind else {
                continue;
            };
            let link = |l: &&Link| l.ifindex == device.ifindex;
            let own = links[&namespace.inode].iter().find(link).unwrap();
            assert!(own.link_netnsid.is_some());
            *peer = links.iter().find_map(|(inode, there)| {
                let other = there.iter().find(|l| {
                    Some(l.ifindex) == own.link_index
                        && l.link_index == Some(own.ifindex)
                        && l.kind == "veth"
                        && *inode != namespace.inode
                })?;
                Some(DeviceRef {
                    namespace: *inode,
                    ifindex: other.ifindex,
                })
            });
        }
    }
    kernel
}

fn device(link: &Link, index: impl Fn(&str) -> Option<u32>) -> Device {
    Device {
        ifindex: link.ifindex,
        name: link.ifname.clone(),
        kind: match (link.link_type.as_str(), link.kind.as_str(), &link.vxlan) {
            ("loopback", ..) => DeviceKind::Loopback,
            (_, "veth", _) => DeviceKind::Veth { peer: None },
            (_, "bridge", _) => DeviceKind::Bridge,
            (_, _, Some(vxlan)) => DeviceKind::Vxlan {
                vni: vxlan.id,
                port: vxlan.port,
            },
            (_, "", _) => DeviceKind::Physical,
            (ty, kind, _) => DeviceKind::Other {
                kind: kind.to_owned(),
                ethernet: ty == "ether",
            },
        },
        mac: link.address.parse().ok(),
        mtu: link.mtu,
        up: link.flags.iter().any(|f| f == "UP"),
        master: link.master.as_deref().and_then(index),
        addresses: link.addresses.clone(),
    }
}

/// The snapshot of that node.
pub fn topology(name: &str) -> Topology {
    assemble(kernel(name), Some(&interpret(&answers(name))))
}

/// The snapshot of that node had Docker not answered.
pub fn topology_without_docker(name: &str) -> Topology {
    assemble(kernel(name), None)
}
