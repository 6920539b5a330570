//! What is tapped and what is judged cannot differ: every hop that diagnose
//! expects is at a tapped device, on recorded Swarms and on any wiring.

use super::cases::mesh;
use crate::diagnose::path::{Next, next};
use crate::diagnose::{Case, Coverage};
use crate::synthetic::Ending;
use crate::timeline::{Direction, Leg, Timeline};
use crate::topology::role::role;
use crate::topology::taps::{Scope, sites};
use crate::topology::{
    Device, DeviceKind, DeviceRef, Namespace, NamespaceKind, Role, Topology, fixtures,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

const FIXTURES: [&str; 3] = ["swarm/a", "swarm/b", "host-mode/a"];

fn tapped(topology: &Topology) -> BTreeSet<DeviceRef> {
    let sites = sites(topology, &Scope::All);
    sites.iter().map(|s| s.at).collect()
}

fn devices(topology: &Topology) -> impl Iterator<Item = (&Namespace, &Device)> {
    let namespaces = topology.namespaces.iter();
    namespaces.flat_map(|n| n.devices.iter().map(move |d| (n, d)))
}

/// Every device that may be expected after a hop at any device, whatever the
/// direction, the leg and the destination.
fn expected(topology: &Topology, any: &Timeline) -> BTreeSet<DeviceRef> {
    let mut timeline = any.clone();
    timeline.hops.truncate(1);
    let addresses: BTreeSet<IpAddr> = devices(topology)
        .flat_map(|(_, d)| &d.addresses)
        .map(ipnet::IpNet::addr)
        .chain(
            topology
                .services
                .iter()
                .flat_map(|s| &s.vips)
                .map(|v| v.address),
        )
        .collect();
    let mut found = BTreeSet::new();
    for (namespace, device) in devices(topology) {
        for (way, leg) in [Direction::Ingress, Direction::Egress]
            .into_iter()
            .flat_map(|w| [Leg::Forward, Leg::Reply].map(|l| (w, l)))
        {
            for address in &addresses {
                let hop = &mut timeline.hops[0];
                hop.node = topology.hostname.as_str().into();
                (hop.netns, hop.ifindex) = (namespace.inode, device.ifindex);
                (hop.way, hop.leg) = (way, leg);
                hop.destination = SocketAddr::new(*address, 8080);
                let case = Case {
                    timeline: &timeline,
                    drops: &[],
                    resets: &[],
                    coverage: &Coverage::default(),
                    topology,
                    others: &[],
                    task_state: None,
                };
                if let Next::Hop(next) = next(&case, 0) {
                    found.extend(next.devices.iter().map(|d| d.at));
                }
            }
        }
    }
    found
}

fn any_timeline() -> Timeline {
    mesh(Ending::Unanswered).timeline()
}

#[test]
fn what_is_expected_is_tapped_and_what_is_tapped_has_a_role_on_recorded_swarms() {
    for name in FIXTURES {
        for topology in [
            fixtures::topology(name),
            fixtures::topology_without_docker(name),
        ] {
            let tapped = tapped(&topology);
            let judged: BTreeSet<DeviceRef> = devices(&topology)
                .filter(|(n, d)| role(&topology, n, d).is_tapped())
                .map(|(n, d)| n.at(d))
                .collect();
            assert_eq!(tapped, judged, "{name}");
            let expected = expected(&topology, &any_timeline());
            let untapped: Vec<_> = expected.difference(&tapped).collect();
            assert_eq!(untapped, Vec::<&DeviceRef>::new(), "{name}");
            assert!(!expected.is_empty(), "{name}");
        }
    }
}

#[test]
fn every_role_of_a_swarm_is_found_on_the_recorded_ones() {
    let mut found = BTreeSet::new();
    for name in FIXTURES {
        let topology = fixtures::topology(name);
        found.extend(devices(&topology).map(|(n, d)| role(&topology, n, d)));
    }
    let wanted = [
        Role::Underlay,
        Role::GatewayBridge,
        Role::GatewayPort,
        Role::IngressGateway,
        Role::IngressOverlay,
        Role::LoadBalancer,
        Role::OverlayBridge,
        Role::OverlayPort,
        Role::Vxlan,
        Role::TaskOverlay,
        Role::TaskGateway,
        Role::Loopback,
        Role::Other,
    ];
    for role in wanted {
        assert!(found.contains(&role), "{role:?} in {found:?}");
    }
}

/// A namespace's purpose; the first namespace is always the host's.
fn kind() -> impl Strategy<Value = NamespaceKind> {
    let task = |task: Option<&str>| NamespaceKind::Container {
        container: "c".to_owned(),
        task: task.map(str::to_owned),
    };
    prop_oneof![
        Just(NamespaceKind::IngressSandbox),
        Just(NamespaceKind::LoadBalancer { network: None }),
        Just(NamespaceKind::Overlay { network: None }),
        Just(task(Some("t"))),
        Just(task(None)),
        Just(NamespaceKind::Other),
    ]
}

prop_compose! {
    fn device()(
        kind in 0..6_u8,
        peer in prop::option::of((0..5_u32, 1..5_u32)),
        master in prop::option::of(1..5_u32),
        address in prop::option::of((0..3_u8, 1..6_u8)),
        up in any::<bool>(),
        gateway in any::<bool>(),
    ) -> Device {
        Device {
            ifindex: 0,
            name: if gateway { "docker_gwbridge" } else { "eth0" }.to_owned(),
            kind: match kind {
                0 | 1 => DeviceKind::Veth {
                    peer: peer.map(|(namespace, ifindex)| DeviceRef { namespace, ifindex }),
                },
                2 => DeviceKind::Bridge,
                3 => DeviceKind::Vxlan { vni: 4096, port: 4789 },
                4 => DeviceKind::Physical,
                _ => DeviceKind::Other { kind: "macvlan".to_owned(), ethernet: true },
            },
            mac: None,
            mtu: 1500,
            up,
            master,
            addresses: address
                .and_then(|(net, host)| format!("10.0.{net}.{host}/24").parse().ok())
                .into_iter()
                .collect(),
        }
    }
}

prop_compose! {
    fn wiring()(
        kinds in prop::collection::vec(kind(), 4),
        devices in prop::collection::vec(prop::collection::vec(device(), 1..5), 5),
    ) -> Topology {
        let kinds = std::iter::once(NamespaceKind::Host).chain(kinds);
        let mut topology = fixtures::topology("swarm/a");
        topology.host_namespace = 0;
        topology.namespaces = (0..).zip(kinds).zip(devices).map(|((inode, kind), mut devices)| {
            for (index, device) in (1..).zip(&mut devices) {
                device.ifindex = index;
                device.master = device.master.filter(|m| *m != index);
            }
            Namespace {
                inode,
                kind,
                name: format!("n{inode}"),
                path: "/nowhere".into(),
                devices,
                ipvs: vec![],
                neighbours: vec![],
                fdb: vec![],
            }
        }).collect();
        topology
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_expected_is_tapped_on_any_wiring(topology in wiring()) {
        let tapped = tapped(&topology);
        for device in expected(&topology, &any_timeline()) {
            prop_assert!(tapped.contains(&device), "{device:?} of {topology:#?}");
        }
    }
}
