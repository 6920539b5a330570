//! The times of every backend: its handshake, its first byte and its edges.

use super::hops::Samples;
use super::observations::{Connection, Observations, Target};
use super::times::Times;
use crate::recording::{BaselineMeasure, BaselineRun};
use crate::sys::clock::Nanos;
use crate::timeline::{Leg, Measure};
use std::collections::BTreeMap;

/// A measure of a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The service.
    pub service: String,
    /// The backend.
    pub backend: String,
    /// Handshake and first byte before edges.
    order: u8,
    leg: Option<Leg>,
    from: String,
    to: String,
    far: bool,
}

impl Key {
    fn new(service: &str, backend: &str, measure: &Measure) -> Self {
        let mut key = Self {
            service: service.to_owned(),
            backend: backend.to_owned(),
            order: 0,
            leg: None,
            from: String::new(),
            to: String::new(),
            far: false,
        };
        match measure {
            Measure::Handshake => {}
            Measure::FirstByte => key.order = 1,
            Measure::Edge {
                leg,
                from,
                to,
                between_nodes,
            } => {
                key.order = 2;
                key.leg = Some(*leg);
                key.from.clone_from(from);
                key.to.clone_from(to);
                key.far = *between_nodes;
            }
        }
        key
    }

    /// The measure.
    pub fn measure(&self) -> Measure {
        match (self.order, self.leg) {
            (0, _) => Measure::Handshake,
            (2, Some(leg)) => Measure::Edge {
                leg,
                from: self.from.clone(),
                to: self.to.clone(),
                between_nodes: self.far,
            },
            _ => Measure::FirstByte,
        }
    }

    /// The handshake of the same backend.
    pub fn handshake(&self) -> Self {
        Self::new(&self.service, &self.backend, &Measure::Handshake)
    }
}

/// The times of every measure.
pub type Measures = BTreeMap<Key, Times>;

/// Every time of every backend that connections reached.
pub fn measures(seen: &Observations) -> Measures {
    let mut samples: BTreeMap<Key, Samples> = BTreeMap::new();
    // Names are compared once for each pair of points, not for each packet.
    let mut keys: BTreeMap<(usize, u8, u32, u32, bool), Key> = BTreeMap::new();
    for connection in &seen.connections {
        let Some(Target {
            service,
            backend: Some(backend),
        }) = seen.targets.get(connection.target)
        else {
            continue;
        };
        let mut note = |measure: Measure, took: Nanos| {
            let key = Key::new(service, backend, &measure);
            samples
                .entry(key)
                .or_default()
                .push((connection.started, took));
        };
        if let Some(took) = connection.handshake {
            note(Measure::Handshake, took);
        }
        if let Some(took) = connection.first_byte {
            note(Measure::FirstByte, took);
        }
        for (leg, from, to, far, took) in edges(connection) {
            let index = (connection.target, leg as u8, from, to, far);
            let key = keys.entry(index).or_insert_with(|| {
                let label = |point: u32| {
                    seen.points
                        .get(point as usize)
                        .map(super::observations::PathPoint::label)
                };
                let measure = Measure::Edge {
                    leg,
                    from: label(from).unwrap_or_default(),
                    to: label(to).unwrap_or_default(),
                    between_nodes: far,
                };
                Key::new(service, backend, &measure)
            });
            let sample = (connection.started, took);
            match samples.get_mut(key) {
                Some(known) => known.push(sample),
                None => drop(samples.insert(key.clone(), vec![sample])),
            }
        }
    }
    samples
        .into_iter()
        .map(|(key, all)| (key, Times::new(all)))
        .collect()
}

fn edges(connection: &Connection) -> impl Iterator<Item = (Leg, u32, u32, bool, Nanos)> {
    connection.packets.iter().flat_map(|packet| {
        packet.steps.windows(2).filter_map(|pair| match pair {
            [from, to] => Some((packet.leg, from.point, to.point, to.far, to.took?)),
            _ => None,
        })
    })
}

/// A baseline's run with these measures.
pub fn with_measures(mut run: BaselineRun, measures: &Measures) -> BaselineRun {
    run.measures = (measures.iter())
        .filter_map(|(key, times)| {
            Some(BaselineMeasure {
                service: key.service.clone(),
                backend: key.backend.clone(),
                measure: key.measure(),
                histograms: times.encode()?,
            })
        })
        .collect();
    run
}

/// The measures of a baseline's run; `None` if a histogram is broken.
pub fn of_run(run: &BaselineRun) -> Option<Measures> {
    (run.measures.iter())
        .map(|m| {
            let key = Key::new(&m.service, &m.backend, &m.measure);
            Some((key, Times::decode(&m.histograms)?))
        })
        .collect()
}
