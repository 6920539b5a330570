//! What happened to a packet between two sightings, and how that is known.
//!
//! A translation is what one conntrack entry says: in that namespace, these
//! addresses become those. All of a flow's entries are gathered, whichever of
//! its packets showed them; where a chain of them leads from the addresses
//! before to the addresses after, the edge is confirmed. Otherwise the change
//! stands as inferred: a lost event costs the proof, not the truth.

use super::hop::Proof;
use super::names::Names;
use super::rewrite::Rewrite;
use crate::flow::{Flow, Leg, Side, Sighting, side_of};
use crate::topology::Place;
use swarmtrace_common::{Direction, Tuple};

/// What one conntrack entry translates, in the forward leg's direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Translation {
    netns: u32,
    before: Tuple,
    after: Tuple,
}

/// Every translation that a flow's packets showed.
pub(super) struct Translations(Vec<Translation>);

/// Most translations on one edge: the host's, the load balancer's, the task's.
const LONGEST_CHAIN: usize = 3;

impl Translations {
    pub fn of(flow: &Flow) -> Self {
        let mut all = Vec::new();
        for packet in &flow.packets {
            for sighting in &packet.sightings {
                let Some((original, reply)) = sighting.conntrack else {
                    continue;
                };
                let side = side_of(&sighting.tuple, &original, &reply).unwrap_or(Side::Reply);
                let (before, after) = match side.leg_of_original(packet.leg) {
                    Leg::Forward => (original, reply.reversed()),
                    Leg::Reply => (reply, original.reversed()),
                };
                let translation = Translation {
                    netns: sighting.at.namespace,
                    before,
                    after,
                };
                if before != after && !all.contains(&translation) {
                    all.push(translation);
                }
            }
        }
        Self(all)
    }

    /// The translations in a leg's direction.
    fn along(&self, leg: Leg) -> impl Iterator<Item = Translation> + '_ {
        self.0.iter().map(move |t| match leg {
            Leg::Forward => *t,
            Leg::Reply => Translation {
                netns: t.netns,
                before: t.after.reversed(),
                after: t.before.reversed(),
            },
        })
    }

    fn chain(
        &self,
        leg: Leg,
        before: &Tuple,
        after: &Tuple,
        left: usize,
    ) -> Option<Vec<Translation>> {
        if left == 0 {
            return None;
        }
        for step in self.along(leg).filter(|t| t.before == *before) {
            if step.after == *after {
                return Some(vec![step]);
            }
            if let Some(mut rest) = self.chain(leg, &step.after, after, left - 1) {
                rest.insert(0, step);
                return Some(rest);
            }
        }
        None
    }

    /// What an entry in the first hop's namespace did before a packet left it.
    fn before(&self, leg: Leg, first: &Sighting) -> Option<Translation> {
        let mut here = self.along(leg);
        here.find(|t| t.netns == first.at.namespace && t.after == first.tuple)
    }

    /// What an entry in the last hop's namespace did after a packet entered it.
    pub fn after(&self, leg: Leg, last: &Sighting) -> Option<(Tuple, Tuple)> {
        let mut here = self.along(leg);
        let found = here.find(|t| t.netns == last.at.namespace && t.before == last.tuple)?;
        Some((found.before, found.after))
    }

    /// The addresses before whatever an entry did before a packet's first hop.
    pub fn origin(&self, leg: Leg, first: &Sighting) -> Tuple {
        if first.way == Direction::Egress {
            self.before(leg, first).map_or(first.tuple, |t| t.before)
        } else {
            first.tuple
        }
    }
}

/// What happened before a packet's first hop.
pub(super) fn first(
    names: Names<'_>,
    known: &Translations,
    leg: Leg,
    first: &Sighting,
) -> (Vec<Rewrite>, Proof) {
    let mut rewrites = Vec::new();
    if first.way == Direction::Egress
        && let Some(step) = known.before(leg, first)
    {
        translated(names, leg, &step, first.mark, &mut rewrites);
    }
    fwmark(names, leg, None, first, &mut rewrites);
    (rewrites, Proof::First)
}

/// What happened between two hops of a packet.
pub(super) fn between(
    names: Names<'_>,
    known: &Translations,
    leg: Leg,
    from: &Sighting,
    to: &Sighting,
) -> (Vec<Rewrite>, Proof) {
    let mut rewrites = Vec::new();
    if let Some((vni, _)) = from.vxlan
        && to.vxlan.is_none()
    {
        rewrites.push(Rewrite::VxlanDecap { vni });
    }
    fwmark(names, leg, Some(from), to, &mut rewrites);
    let proof = if from.tuple == to.tuple {
        Proof::SamePacket
    } else if let Some(chain) = known.chain(leg, &from.tuple, &to.tuple, LONGEST_CHAIN) {
        for step in &chain {
            translated(names, leg, step, to.mark, &mut rewrites);
        }
        Proof::ConntrackConfirmed
    } else {
        // A rewrite shows at the tap where the packet leaves the namespace
        // that made it; where that tap's event is missing it was made in the
        // namespace that the packet had come into.
        let netns = match (from.way, to.way) {
            (_, Direction::Egress) => to.at.namespace,
            (Direction::Ingress, Direction::Ingress) => from.at.namespace,
            (Direction::Egress, Direction::Ingress) => 0,
        };
        let step = Translation {
            netns,
            before: from.tuple,
            after: to.tuple,
        };
        translated(names, leg, &step, to.mark, &mut rewrites);
        Proof::SequenceInferred
    };
    if let Some((vni, outer)) = &to.vxlan
        && from.vxlan.is_none()
    {
        rewrites.push(Rewrite::VxlanEncap {
            vni: *vni,
            from: outer.source().ip(),
            to: outer.destination().ip(),
        });
    }
    (rewrites, proof)
}

/// What happened after a packet's last hop.
pub(super) fn last(
    names: Names<'_>,
    known: &Translations,
    leg: Leg,
    last: &Sighting,
) -> Vec<Rewrite> {
    let mut rewrites = Vec::new();
    if last.way == Direction::Ingress
        && let Some((before, after)) = known.after(leg, last)
    {
        let step = Translation {
            netns: last.at.namespace,
            before,
            after,
        };
        translated(names, leg, &step, 0, &mut rewrites);
    }
    rewrites
}

fn fwmark(
    names: Names<'_>,
    leg: Leg,
    from: Option<&Sighting>,
    to: &Sighting,
    rewrites: &mut Vec<Rewrite>,
) {
    if leg == Leg::Forward && to.mark != 0 && from.is_none_or(|from| from.mark != to.mark) {
        rewrites.push(Rewrite::Fwmark {
            mark: to.mark,
            service: names.service_of_mark(to.mark).map(|s| s.name.clone()),
        });
    }
}

fn translated(
    names: Names<'_>,
    leg: Leg,
    step: &Translation,
    mark: u32,
    rewrites: &mut Vec<Rewrite>,
) {
    let (from, to) = (step.before.destination(), step.after.destination());
    let (source_from, source_to) = (step.before.source(), step.after.source());
    if leg == Leg::Reply {
        if source_from != source_to {
            rewrites.push(Rewrite::UnDnat {
                from: source_from,
                to: source_to,
            });
        }
        if from != to {
            rewrites.push(Rewrite::UnSnat { from, to });
        }
        return;
    }
    let place = names.place(step.netns);
    if from != to {
        let balances = matches!(place, Place::IngressSandbox | Place::LoadBalancer);
        let scheduler = names.ipvs(step.netns, mark, &step.before, to.ip());
        rewrites.push(if from.ip() == to.ip() {
            Rewrite::Redirect {
                from_port: from.port(),
                to_port: to.port(),
            }
        } else if balances && scheduler.is_some() {
            Rewrite::Ipvs {
                virtual_server: from,
                backend: to,
                scheduler,
                mark: (mark != 0).then_some(mark),
            }
        } else {
            Rewrite::Dnat { from, to }
        });
    }
    if source_from != source_to {
        let own = place == Place::Host && names.is_host_address(step.netns, source_to.ip());
        rewrites.push(if own {
            Rewrite::Masquerade {
                from: source_from,
                to: source_to,
            }
        } else {
            Rewrite::Snat {
                from: source_from,
                to: source_to,
            }
        });
    }
}
