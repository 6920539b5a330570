//! Each failure gets its verdict, and no other rule claims proof of it.

use super::cases::{all, mesh};
use super::scene::Scene;
use crate::diagnose::{Certainty, Diagnosis, RULES};
use crate::output::style::plain;
use crate::output::verdict::text::render;
use crate::synthetic::{Connection, Ending};
use crate::topology::DeviceRef;
use std::collections::HashSet;

#[test]
fn every_failure_gets_its_verdict() {
    let mut wrong = Vec::new();
    for expect in all() {
        let verdicts = expect.scene.verdicts();
        let right = verdicts.first().is_some_and(|v| {
            v.id == expect.id
                && v.certainty() == expect.certainty
                && v.hop
                    .as_ref()
                    .is_some_and(|h| h.place.contains(expect.place))
        });
        if !right {
            let state = expect.scene.timeline().state;
            wrong.push(format!(
                "{} ({:?}, {}): {state:?} {verdicts:#?}",
                expect.id, expect.certainty, expect.place
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_traffic_without_the_fault_gets_none() {
    for expect in all() {
        let mut connection = expect.scene.connection;
        connection.ending = Ending::Closed;
        let fresh = Scene::new(connection, expect.scene.view);
        let healthy = Scene {
            task_state: expect.scene.task_state,
            ..fresh
        };
        assert_eq!(healthy.verdicts(), [], "{}", expect.id);
    }
}

#[test]
fn a_fault_of_the_topology_alone_does_not_accuse_a_connection_that_works() {
    for expect in all() {
        let mut connection = expect.scene.connection;
        connection.ending = Ending::Closed;
        let fresh = Scene::new(connection, expect.scene.view);
        if expect.scene.events.iter().any(|e| {
            fresh.a.device(DeviceRef::of(e)).is_none() && fresh.b.device(DeviceRef::of(e)).is_none()
        }) {
            continue;
        }
        let healthy = Scene {
            a: expect.scene.a,
            b: expect.scene.b,
            ..fresh
        };
        let said = healthy.verdicts();
        assert_eq!(said, [], "{}", expect.id);
    }
}

#[test]
fn no_two_rules_prove_different_things() {
    for expect in all() {
        let verdicts = expect.scene.verdicts();
        let proven: Vec<&str> = (verdicts.iter())
            .filter(|v| v.certainty() == Certainty::Proven)
            .map(|v| v.id.as_str())
            .collect();
        assert!(proven.len() <= 1, "{}: {proven:?}", expect.id);
    }
}

#[test]
fn every_rule_has_a_case() {
    let covered: HashSet<&str> = all().iter().map(|e| e.id).collect();
    for rule in RULES {
        assert!(
            covered.contains(rule.failure.id.as_str()),
            "{:?} has no case",
            rule.failure
        );
    }
}

#[test]
fn without_a_drop_or_a_watched_gap_nobody_says_dropped() {
    for expect in all() {
        let lossy = Scene {
            lost: 1,
            drops: vec![],
            ..expect.scene
        };
        for verdict in lossy.verdicts() {
            let words = verdict.evidence.iter().chain([&verdict.title]);
            for word in words {
                assert!(!word.contains("dropped"), "{}: {word}", expect.id);
            }
        }
    }
}

#[test]
fn with_events_lost_only_what_was_seen_is_proof() {
    // Where a reset, an ICMP error or an answer was first seen is not made
    // doubtful by a loss elsewhere, nor is what Docker and the kernel's tables say.
    let by_sight = [
        "no-listener",
        "task-starting",
        "task-stopping",
        "task-reset",
        "task-stopped-midstream",
        "client-reset",
        "snat-missing",
        "reply-not-translated",
        "hairpin-without-br-netfilter",
        "duplicate-address",
        "fdb-wrong-node",
        "ingress-sandbox-gone",
        "device-down",
        "address-missing",
        "virtual-address-missing",
        "neighbour-wrong",
        "encryption-mark-missing",
    ];
    for expect in all() {
        let lossy = Scene {
            lost: 1,
            drops: vec![],
            resets: vec![],
            ..expect.scene
        };
        let icmp = (lossy.events.iter()).any(|e| e.has(swarmtrace_common::PacketFlags::ICMP_ERROR));
        for verdict in lossy.verdicts() {
            let proven = verdict.certainty() == Certainty::Proven;
            let seen = icmp || by_sight.contains(&verdict.id.as_str());
            assert!(!proven || seen, "{}: {verdict:#?}", expect.id);
        }
    }
}

#[test]
fn commands_can_be_pasted() {
    for expect in all() {
        for verdict in expect.scene.verdicts() {
            for command in &verdict.confirm {
                assert!(
                    !command.contains('\n') && !command.contains("DEVICE"),
                    "{command}"
                );
            }
            let json = serde_json::to_string(&verdict).unwrap();
            assert_eq!(serde_json::from_str::<Diagnosis>(&json).unwrap(), verdict);
        }
    }
}

#[test]
fn on_a_terminal_it_is_a_few_lines() {
    for expect in all() {
        for verdict in expect.scene.verdicts() {
            let text = plain(&render(&verdict));
            let lines = text.lines().count();
            assert!((3..=14).contains(&lines), "{text}");
        }
    }
    let verdict = mesh(Ending::Refused).verdicts().remove(0);
    assert_eq!(plain(&render(&verdict)), REFUSED);
}

const REFUSED: &str = "\
Nothing listens on the port in the task (likely, no-listener)
  where  node-a: vote.1 eth0 out
  why    first seen leaving the task: RST 10.0.0.7:8080 → 10.0.0.2:32775 at vote.1 eth0 out
         port 8080 is redirected to 80 in the task
  show   nsenter --net=/var/run/docker/netns/vote.1 ss -ltn 'sport = :80'
         docker service ps vote
  fix    Have the process listen on 0.0.0.0 and the target port, or correct the published target
         port: docker service update --publish-rm/--publish-add. A health check keeps traffic away
         from a task that does not listen.
";

#[test]
fn a_forwarding_entry_that_is_gone_is_given_back_in_full() {
    let fixes: Vec<String> = (all().iter().filter(|e| e.id == "fdb-missing"))
        .flat_map(|e| e.scene.verdicts())
        .map(|v| v.fix)
        .collect();
    let entry = "nsenter --net=/var/run/docker/netns/1-ingress000 bridge fdb replace \
                 02:42:0a:00:00:08 dev vxlan0 dst 192.168.50.2 self permanent";
    assert!(fixes.iter().any(|f| f.contains(entry)), "{fixes:#?}");
}

#[test]
fn the_port_is_the_one_inside_the_task() {
    for expect in all().iter().filter(|e| e.id == "no-listener") {
        for verdict in expect.scene.verdicts() {
            let listeners = verdict.confirm.iter().any(|c| c.contains("sport = :80'"));
            let udp = verdict.confirm.iter().any(|c| c.contains("-lun"));
            assert_eq!(udp, expect.scene.connection.udp);
            assert!(listeners, "{verdict:#?}");
        }
    }
}

#[test]
fn a_torn_timeline_never_panics() {
    let scene = Scene::new(
        Connection::new(crate::synthetic::Route::MeshRemote, Ending::Reset, 3),
        super::scene::View::A,
    );
    let (mut timeline, coverage) = (scene.timeline(), scene.coverage());
    timeline.hops.clear();
    for by in [0, usize::MAX] {
        use crate::timeline::{Leg, State};
        for state in [
            State::Refused { by },
            State::Reset {
                by,
                leg: Leg::Reply,
            },
            State::IcmpError {
                by,
                kind: 3,
                code: 3,
            },
            State::AnswerLost { last: by },
            State::Unanswered,
        ] {
            timeline.state = state;
            timeline.reached = Some(by);
            let said = crate::diagnose::diagnose(&crate::diagnose::Case {
                timeline: &timeline,
                drops: &[],
                resets: &[],
                coverage: &coverage,
                topology: &crate::topology::Topology::default(),
                others: &[],
                task_state: None,
            });
            assert!(said.is_none_or(|v| v.certainty() == Certainty::Unknown));
        }
    }
}
