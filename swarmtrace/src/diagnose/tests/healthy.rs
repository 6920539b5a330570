//! What works gets no verdict, and what was not seen proves nothing.

use super::scene::{Scene, View};
use crate::diagnose::path::{Next, next};
use crate::diagnose::{Case, Certainty, Diagnosis};
use crate::synthetic::{Connection, Ending, ROUTES, Route};
use crate::timeline::same_packet;
use proptest::prelude::*;

const VIEWS: [View; 3] = [View::A, View::B, View::Both];

fn seen(scene: &Scene) -> bool {
    scene.events.iter().any(|e| match scene.view {
        View::A => e.netns < 200,
        View::B => e.netns >= 200,
        View::Both => true,
    })
}

#[test]
fn a_connection_that_works_gets_no_verdict() {
    for route in ROUTES {
        for ending in [Ending::Closed, Ending::Open, Ending::Idle] {
            for view in VIEWS {
                for udp in [false, true] {
                    let mut connection = Connection::new(route, ending, 7);
                    connection.udp = udp;
                    let scene = Scene::new(connection, view);
                    if seen(&scene) {
                        assert_eq!(scene.verdicts(), [], "{route:?} {ending:?} udp {udp}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_drop_that_did_no_harm_gets_no_verdict() {
    let reasons = [
        "NETFILTER_DROP",
        "TCP_CSUM",
        "NEIGH_FAILED",
        "NO_SOCKET",
        "IP_RPFILTER",
        "PKT_TOO_BIG",
        "VXLAN_ENTRY_EXISTS",
        "TCP_OLD_DATA",
    ];
    for route in [Route::MeshLocal, Route::MeshRemote] {
        for reason in reasons {
            for place in ["a eth0", "a ingress_sbox eth0", "b vote.2 eth0"] {
                for ending in [Ending::Closed, Ending::Open] {
                    let scene = Scene::new(Connection::new(route, ending, 7), View::Both);
                    let scene = scene.drop(place, reason, "somewhere");
                    assert_eq!(scene.verdicts(), [], "{route:?} {reason} {place}");
                }
            }
        }
    }
}

#[test]
fn the_template_foretells_every_hop() {
    for route in ROUTES {
        for view in VIEWS {
            let scene = Scene::new(Connection::new(route, Ending::Idle, 7), view);
            if !seen(&scene) {
                continue;
            }
            let (timeline, coverage) = (scene.timeline(), scene.coverage());
            let case = Case {
                timeline: &timeline,
                drops: &[],
                resets: &[],
                coverage: &coverage,
                topology: if view == View::B { &scene.b } else { &scene.a },
                others: if view == View::Both {
                    std::slice::from_ref(&scene.b)
                } else {
                    &[]
                },
                task_state: None,
            };
            for (index, pair) in timeline.hops.windows(2).enumerate() {
                let (hop, after) = (&pair[0], &pair[1]);
                if !same_packet(hop, after)
                    || (view != View::Both && hop.vxlan.is_some() && hop.node != after.node)
                {
                    continue;
                }
                let Next::Hop(expected) = next(&case, index) else {
                    panic!("{route:?}: nothing expected after {hop:?}");
                };
                let fits = expected.way == after.way
                    && (expected.devices.iter()).any(|d| d.at == after.at());
                assert!(
                    fits,
                    "{route:?}: after {hop:?} came {after:?}, not {expected:?}"
                );
            }
        }
    }
}

/// Whether a verdict claims more than it can know of traffic that works.
fn overreaches(verdict: &Diagnosis) -> bool {
    let words = verdict.evidence.iter().chain([&verdict.title]);
    verdict.certainty() == Certainty::Proven || words.into_iter().any(|w| w.contains("drop"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Events of a healthy connection lost at random, and counted.
    #[test]
    fn lost_events_prove_nothing(
        seed in 0_u32..50_000,
        route in 0..ROUTES.len(),
        view in 0..VIEWS.len(),
        udp in any::<bool>(),
        keep in prop::collection::vec(prop::bool::weighted(0.7), 80),
    ) {
        let mut connection = Connection::new(ROUTES[route], Ending::Closed, seed);
        connection.udp = udp;
        let mut scene = Scene::new(connection, VIEWS[view]);
        let before = scene.events.len();
        let mut flags = keep.into_iter().cycle();
        scene.events.retain(|_| flags.next().unwrap_or(true));
        scene.lost = (before - scene.events.len()) as u64;
        if !seen(&scene) {
            return Ok(());
        }
        for verdict in scene.verdicts() {
            prop_assert!(!overreaches(&verdict), "{verdict:?}");
        }
    }

    /// Taps of a healthy connection that were never attached.
    #[test]
    fn missing_taps_prove_nothing(
        seed in 0_u32..50_000,
        route in 0..ROUTES.len(),
        view in 0..VIEWS.len(),
        udp in any::<bool>(),
        ending in prop::sample::select(vec![Ending::Closed, Ending::Open, Ending::Idle]),
        attached in prop::collection::vec(any::<bool>(), 64),
    ) {
        let mut connection = Connection::new(ROUTES[route], ending, seed);
        connection.udp = udp;
        let mut scene = Scene::new(connection, VIEWS[view]);
        let mut places: Vec<String> = scene.events.iter().map(|e| scene.place(e)).collect();
        places.sort();
        places.dedup();
        let mut flags = attached.into_iter().cycle();
        places.retain(|_| flags.next().unwrap_or(true));
        scene = scene.only(|s, e| !places.contains(&s.place(e)));
        scene.untapped = places;
        if !seen(&scene) {
            return Ok(());
        }
        for verdict in scene.verdicts() {
            prop_assert!(!overreaches(&verdict), "{verdict:?}");
        }
    }

    /// The trace ends (or begins) in the middle, and nobody knows it lost
    /// anything but the rest of the path.
    #[test]
    fn truncation_never_panics(
        seed in 0_u32..50_000,
        route in 0..ROUTES.len(),
        view in 0..VIEWS.len(),
        from in 0_usize..60,
        length in 1_usize..60,
    ) {
        let connection = Connection::new(ROUTES[route], Ending::Closed, seed);
        let mut scene = Scene::new(connection, VIEWS[view]);
        scene.events = scene.events.into_iter().skip(from).take(length).collect();
        scene.lost = 1;
        if !seen(&scene) {
            return Ok(());
        }
        for verdict in scene.verdicts() {
            prop_assert!(!overreaches(&verdict), "{verdict:?}");
        }
    }
}
