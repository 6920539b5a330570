use super::*;
use crate::topology::{
    Device, DeviceKind, Docker, EndpointMode, Namespace, NamespaceKind, PublishMode, Task,
    TaskAddress, Vip,
};
use swarmtrace_common::mapped;

fn namespace(inode: u32, kind: NamespaceKind, addresses: &[&str]) -> Namespace {
    Namespace {
        inode,
        kind,
        name: format!("ns{inode}"),
        path: "/dev/null".into(),
        devices: vec![Device {
            ifindex: 2,
            name: "eth0".into(),
            kind: DeviceKind::Physical,
            mac: None,
            mtu: 1500,
            up: true,
            master: None,
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        }],
        ipvs: Vec::new(),
        neighbours: Vec::new(),
        fdb: Vec::new(),
    }
}

fn swarm() -> Topology {
    let container = NamespaceKind::Container {
        container: "c1".into(),
        task: Some("t1".into()),
    };
    let published = |published, target, mode| PublishedPort {
        protocol: Protocol::Tcp,
        published,
        target,
        mode,
    };
    let address = |network: &str, address: &str| TaskAddress {
        network: network.into(),
        address: address.parse().unwrap(),
    };
    Topology {
        docker: Some(Docker::default()),
        host_namespace: 1,
        namespaces: vec![
            namespace(1, NamespaceKind::Host, &["192.168.90.1/24", "127.0.0.1/8"]),
            namespace(2, NamespaceKind::IngressSandbox, &["172.18.0.2/16"]),
            namespace(3, container, &["10.0.0.5/24", "172.18.0.3/16"]),
        ],
        networks: vec![
            Network {
                id: "ing".into(),
                name: "ingress".into(),
                ingress: true,
                ..Network::default()
            },
            Network {
                id: "ov".into(),
                name: "overlay1".into(),
                ..Network::default()
            },
        ],
        services: vec![
            Service {
                name: "vote".into(),
                ports: vec![published(8080, 80, PublishMode::Ingress)],
                vips: vec![Vip {
                    network: "ov".into(),
                    address: "10.0.1.2".parse().unwrap(),
                }],
                ..Service::default()
            },
            Service {
                name: "hosted".into(),
                endpoint_mode: EndpointMode::Dnsrr,
                ports: vec![published(8081, 81, PublishMode::Host)],
                ..Service::default()
            },
        ],
        tasks: vec![
            Task {
                id: "t1".into(),
                service: "vote".into(),
                addresses: vec![address("ing", "10.0.0.5"), address("ov", "10.0.1.4")],
                ..Task::default()
            },
            Task {
                id: "t2".into(),
                service: "hosted".into(),
                ..Task::default()
            },
        ],
        ..Topology::default()
    }
}

fn has(filter: &Filter, address: &str, port: u16) -> bool {
    let address = mapped(address.parse().unwrap());
    let endpoints = filter.endpoints.as_ref().unwrap();
    endpoints
        .iter()
        .any(|e| e.address == address && e.port == port)
}

fn wanted(service: &str, port: Option<u16>) -> Wanted {
    Wanted {
        services: vec![service.into()],
        port,
        ..Wanted::default()
    }
}

#[test]
fn a_published_port_is_followed_under_all_its_addresses() {
    let filter = wanted("vote", Some(8080)).compile(&swarm()).unwrap();
    for address in ["192.168.90.1", "172.18.0.2", "10.0.0.5"] {
        assert!(has(&filter, address, 8080), "{address}");
    }
    assert!(
        has(&filter, "10.0.0.5", 80),
        "a reset of the task's own port"
    );
    assert!(!has(&filter, "10.0.1.2", 80), "not the virtual address");
    let Ports::Only(ports) = &filter.ports else {
        panic!("{:?}", filter.ports)
    };
    assert_eq!(ports, &BTreeSet::from([80, 8080]));
}

#[test]
fn without_a_port_the_virtual_address_is_followed_on_any_port() {
    let filter = wanted("vote", None).compile(&swarm()).unwrap();
    assert!(has(&filter, "10.0.1.2", 0));
    assert!(has(&filter, "10.0.1.4", 0));
    assert!(has(&filter, "192.168.90.1", 8080));
    assert!(
        !has(&filter, "192.168.90.1", 0),
        "the node's other traffic stays out"
    );
    assert_eq!(filter.ports, Ports::Any);
}

#[test]
fn a_network_leaves_the_routing_mesh_out() {
    let inside = Wanted {
        network: Some("overlay1".into()),
        ..wanted("vote", Some(5432))
    };
    let filter = inside.compile(&swarm()).unwrap();
    assert!(has(&filter, "10.0.1.2", 5432));
    assert!(!has(&filter, "192.168.90.1", 8080));
}

#[test]
fn what_cannot_be_followed_is_said_in_one_line() {
    let swarm = swarm();
    let unknown = wanted("vot", None).compile(&swarm).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "no service 'vot' is known on this node; there are: hosted, vote"
    );
    let port = wanted("vote", Some(9)).compile(&swarm).unwrap_err();
    assert!(
        port.to_string().contains("published: 8080→80/tcp"),
        "{port}"
    );
    let network = Wanted {
        network: Some("nope".into()),
        ..Wanted::default()
    };
    let network = network.compile(&swarm).unwrap_err();
    assert!(network.to_string().contains("ingress, overlay1"));
    let attached = Wanted {
        network: Some("overlay1".into()),
        ..wanted("hosted", None)
    };
    assert!(matches!(
        attached.compile(&swarm),
        Err(SelectionError::NotAttached { .. })
    ));
    let docker = wanted("vote", None).compile(&Topology::default());
    assert_eq!(docker, Err(SelectionError::NoDocker { option: "service" }));
}

#[test]
fn without_docker_a_port_is_followed_on_every_address() {
    let wanted = Wanted {
        port: Some(8080),
        ..Wanted::default()
    };
    let filter = wanted.compile(&Topology::default()).unwrap();
    assert_eq!(filter.endpoints, None);
    assert_eq!(filter.ports, Ports::Only(BTreeSet::from([8080])));
}

#[test]
fn clients_are_told_by_their_network() {
    let wanted = Wanted {
        clients: vec!["192.0.2.0/24".parse().unwrap()],
        ..Wanted::default()
    };
    assert!(wanted.wants_client("192.0.2.10".parse().unwrap()));
    assert!(!wanted.wants_client("198.51.100.1".parse().unwrap()));
}

#[test]
fn a_dialled_port_is_reported_anywhere_but_that_proves_nothing() {
    let filter = wanted("vote", Some(8080)).compile(&swarm()).unwrap();
    let anywhere = Endpoint::new(ANY_ADDRESS, 8080, Protocol::Tcp.number());
    assert!(filter.kernel_endpoints().unwrap().contains(&anywhere));
    assert!(filter.accepts("10.0.0.5:8080".parse().unwrap(), Protocol::Tcp));
    assert!(!filter.accepts("10.0.0.99:8080".parse().unwrap(), Protocol::Tcp));
    assert!(!filter.accepts("172.18.0.2:9999".parse().unwrap(), Protocol::Tcp));
}
