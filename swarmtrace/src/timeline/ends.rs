//! The two ends of a flow: who opened it, what it connected to, which task served it.

use super::edges::Translations;
use super::names::Names;
use crate::flow::{Flow, Leg, Phase};
use std::net::SocketAddr;
use swarmtrace_common::{Direction, Tuple};

/// Who talks to whom.
pub(super) struct Ends {
    pub client: SocketAddr,
    pub entry: SocketAddr,
    pub backend: Option<SocketAddr>,
    mark: u32,
}

impl Ends {
    pub fn of(flow: &Flow, names: Names<'_>, known: &Translations) -> Self {
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let origin = match flow.outset().next().and_then(|p| p.sightings.first()) {
            Some(first) => Some(known.origin(Leg::Forward, first)),
            // Only answers were seen: their last hop is nearest to the client.
            None => flow
                .packets
                .iter()
                .filter(|p| p.leg == Leg::Reply && p.phase != Phase::IcmpError)
                .find_map(|p| p.sightings.last())
                .map(|s| s.tuple.reversed()),
        };
        let end = flow.furthest().and_then(|p| p.sightings.last());
        let backend = end.and_then(|last| {
            let then = known
                .after(Leg::Forward, last)
                .filter(|_| last.way == Direction::Ingress);
            let tuple = then.map_or(last.tuple, |(_, after)| after);
            let arrived =
                names.container_in(last.at.namespace).is_some() && last.way == Direction::Ingress;
            let moved = origin.is_some_and(|o: Tuple| o.destination() != tuple.destination());
            (arrived || moved || then.is_some()).then(|| tuple.destination())
        });
        // Only answers were seen: they come from where the connection ends.
        let backend = backend.or_else(|| {
            let source = flow.first_answer()?.tuple.source();
            (end.is_none() && origin.is_some_and(|o: Tuple| o.destination() != source))
                .then_some(source)
        });
        let mark = flow
            .outset()
            .flat_map(|p| &p.sightings)
            .map(|s| s.mark)
            .find(|mark| names.service_of_mark(*mark).is_some())
            .unwrap_or(0);
        Self {
            client: origin.map_or(unknown, |o| o.source()),
            entry: origin.map_or(unknown, |o| o.destination()),
            backend,
            mark,
        }
    }

    /// Service, task, and the task's node.
    pub fn served_by(
        &self,
        flow: &Flow,
        names: Names<'_>,
    ) -> (Option<String>, Option<String>, Option<String>) {
        let last = flow.furthest().and_then(|p| p.sightings.last());
        let left = || flow.first_answer().filter(|s| s.way == Direction::Egress);
        let arrived = last.filter(|s| s.way == Direction::Ingress);
        let arrived = if last.is_none() { left() } else { arrived };
        let address = self.backend.unwrap_or(self.entry).ip();
        let task = arrived
            .and_then(|s| names.task_in(s.at.namespace))
            .or_else(|| names.0.task_by_address(address));
        let endpoint = names.endpoint(address);
        let service = names
            .service_of_mark(self.mark)
            .or_else(|| names.0.service_by_vip(self.entry.ip()))
            .map(|s| s.name.clone())
            .or_else(|| task.map(|t| t.service.clone()).filter(|s| !s.is_empty()))
            .or_else(|| endpoint.and_then(|e| e.service.clone()))
            .or_else(|| {
                let service = names.service_of_port(flow.protocol, self.entry.port());
                service.map(|s| s.name.clone())
            });
        let name = task
            .map(|t| t.name.clone())
            .or_else(|| {
                endpoint
                    .filter(|e| e.service.is_some())
                    .map(|e| e.name.clone())
            })
            .or_else(|| Some(names.container_in(arrived?.at.namespace)?.name.clone()));
        let node = task
            .and_then(|t| names.node_of_task(t))
            .or_else(|| names.node_of(endpoint?.host?))
            .or_else(|| {
                names.container_in(arrived?.at.namespace)?;
                Some(names.0.hostname.clone())
            });
        (service, name, node)
    }
}
