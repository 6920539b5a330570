//! Real Swarms, each broken in one way: exactly that is found, and nothing in the
//! healthy ones.

mod breaking;
mod cases;

use crate::doctor::checks::ALL;
use crate::doctor::examine::{findings, not_checked};
use crate::doctor::facts::Gap;
use crate::doctor::finding::Severity;
use crate::doctor::fixtures::examined;
use crate::doctor::need::Need;
use crate::failure::{FORWARD_DROP, Failure, NEIGHBOUR_WRONG, SANDBOX_IP_FORWARD};
use breaking::{drop_by_policy, encrypt, mac, namespace, neighbour_of, replace, rules, set};

const NODES: [&str; 3] = ["swarm/a", "swarm/b", "host-mode/a"];

#[test]
fn healthy_swarms_give_nothing() {
    for node in NODES {
        let examined = examined(node);
        let found = findings(&examined);
        assert!(found.is_empty(), "{node}: {found:#?}");
        assert_eq!(not_checked(&examined), [], "{node}");
    }
}

#[test]
fn a_forward_policy_of_drop_is_fine_with_dockers_rules() {
    for node in NODES {
        let mut examined = examined(node);
        drop_by_policy(&mut examined);
        let found = findings(&examined);
        assert!(found.is_empty(), "{node}: {found:#?}");
    }
}

#[test]
fn dockers_newer_chains_are_as_good() {
    let mut examined = examined("swarm/a");
    rules(&mut examined, "host", |all| {
        let filter = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:DOCKER-FORWARD - [0:0]\n\
            :DOCKER-INGRESS - [0:0]\n:DOCKER-CT - [0:0]\n:DOCKER-BRIDGE - [0:0]\n\
            -A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-FORWARD\n\
            -A DOCKER-FORWARD -j DOCKER-INGRESS\n-A DOCKER-FORWARD -j DOCKER-CT\n\
            -A DOCKER-FORWARD -j DOCKER-BRIDGE\n\
            -A DOCKER-FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT\n\
            -A DOCKER-CT -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
            -A DOCKER-BRIDGE -o docker_gwbridge -j DROP\n\
            -A DOCKER-INGRESS -p tcp -m tcp --dport 8080 -j ACCEPT\n\
            -A DOCKER-INGRESS -p tcp -m conntrack --ctstate RELATED,ESTABLISHED -m tcp --sport 8080 -j ACCEPT\n\
            -A DOCKER-INGRESS -j RETURN\n";
        let nat = &all[all.find("*nat").unwrap()..];
        Some(format!("{filter}{nat}"))
    });
    let found = findings(&examined);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_was_not_read_is_said_and_finds_nothing() {
    let mut examined = examined("swarm/a");
    for facts in examined.facts.namespaces.values_mut() {
        facts.rules = None;
        facts.sysctls.clear();
    }
    examined.facts.listeners = None;
    examined.facts.routes.clear();
    examined.facts.gaps.push(Gap {
        need: Need::Rules,
        namespace: Some("host".into()),
        why: "iptables-nft-save is not installed".into(),
    });
    assert_eq!(findings(&examined), []);
    let missed = not_checked(&examined);
    assert_eq!(missed.len(), 1);
    assert!(missed[0].what.iter().any(|w| w.contains("DOCKER-INGRESS")));
    assert!(!missed[0].what.iter().any(|w| w == "duplicate addresses"));
}

#[test]
fn each_fault_is_found_and_nothing_else() {
    let mut wrong = Vec::new();
    for (name, node, broken, check, text) in cases::all() {
        let mut examined = examined(node);
        broken(&mut examined);
        let found = findings(&examined);
        let right =
            matches!(found.as_slice(), [one] if one.check == *check && one.what().contains(text));
        if !right {
            let said: Vec<String> = found
                .iter()
                .map(|f| format!("{}: {}", f.check, f.what()))
                .collect();
            wrong.push(format!(
                "{name} on {node}: wanted {check}: …{text}…, got {said:#?}"
            ));
        }
        for finding in &found {
            assert!(!finding.why.is_empty() && !finding.diagnosis.confirm.is_empty());
            let check = ALL.iter().find(|c| c.name == finding.check).unwrap();
            let declared = check.finds.iter().any(|f| f.id == finding.diagnosis.id);
            assert!(declared, "{name}: {finding:#?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_encrypted_overlay_that_is_well_gives_nothing() {
    let mut examined = examined("swarm/a");
    encrypt(&mut examined);
    let found = findings(&examined);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_worst_comes_first() {
    let mut examined = examined("swarm/a");
    set(
        &mut examined,
        "lb_qookufxbb",
        "net.ipv4.vs.conn_reuse_mode",
        "1",
    );
    set(&mut examined, "host", "net.ipv4.ip_forward", "0");
    let found = findings(&examined);
    let severities: Vec<Severity> = found.iter().map(|f| f.severity).collect();
    assert_eq!(severities, [Severity::Broken, Severity::Risky]);
}

#[test]
fn what_depends_on_the_client_is_a_note() {
    let mut examined = examined("swarm/a");
    replace(
        &mut examined,
        "host",
        "-A DOCKER-USER -j RETURN",
        "-A DOCKER-USER -s 203.0.113.0/24 -i eth0 -j DROP\n-A DOCKER-USER -j RETURN",
    );
    let found = findings(&examined);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].severity, Severity::Note);
    assert!(found[0].what().contains("drops some packets to tcp/8080"));
}

#[test]
fn a_fix_sets_what_was_found() {
    let mut examined = examined("swarm/a");
    set(
        &mut examined,
        "ingress_sbox",
        "net.ipv4.conf.eth0.forwarding",
        "0",
    );
    neighbour_of(&mut examined, "10.0.0.6").mac = Some(mac("02:42:0a:00:00:63"));
    replace(
        &mut examined,
        "host",
        "-A DOCKER-USER -j RETURN",
        "-A DOCKER-USER -o docker_gwbridge -j DROP",
    );
    let found = findings(&examined);
    let of = |failure: &Failure| {
        let mut found = found.iter().map(|f| &f.diagnosis);
        &found.find(|d| d.id == failure.id).unwrap().fix
    };
    assert!(of(&SANDBOX_IP_FORWARD).ends_with("sysctl -w net.ipv4.conf.eth0.forwarding=1"));
    assert!(of(&NEIGHBOUR_WRONG).contains("10.0.0.6 lladdr 02:42:0a:00:00:06 dev vxlan0"));
    assert!(of(&FORWARD_DROP).ends_with("iptables -D DOCKER-USER -o docker_gwbridge -j DROP"));
}

#[test]
fn a_card_of_a_vlan_is_written_as_sysctl_reads_it() {
    let mut examined = examined("swarm/a");
    for device in &mut namespace(&mut examined, "host").devices {
        if device.name == "eth0" {
            device.name = "eth0.7".into();
        }
    }
    set(
        &mut examined,
        "host",
        "net.ipv4.conf.eth0.7.forwarding",
        "0",
    );
    let found = findings(&examined);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        found[0].diagnosis.fix,
        "sudo sysctl -w net.ipv4.conf.eth0/7.forwarding=1"
    );
}
