//! What a flow's hops are called.
//!
//! A connection passes each of its taps many times, and every hop carries the tap's
//! names. So a tap is looked up once a flow, and its hops share what was found.

use super::names::Names;
use super::{Place, Vxlan};
use crate::topology::DeviceRef;
use std::sync::Arc;
use swarmtrace_common::Tuple;

/// Names of one tap.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub namespace: Arc<str>,
    pub place: Place,
    pub device: Arc<str>,
    pub role: Arc<str>,
}

/// Names of the taps and tunnels of one flow, as they are met.
pub(super) struct Labels<'a> {
    names: Names<'a>,
    node: Arc<str>,
    taps: Vec<(DeviceRef, Label)>,
    tunnels: Vec<(u32, Tuple, Vxlan)>,
}

impl<'a> Labels<'a> {
    pub fn new(names: Names<'a>) -> Self {
        Self {
            names,
            node: names.0.hostname.as_str().into(),
            taps: Vec::new(),
            tunnels: Vec::new(),
        }
    }

    /// The node's name.
    pub fn node(&self) -> Arc<str> {
        Arc::clone(&self.node)
    }

    pub fn tap(&mut self, at: DeviceRef) -> Label {
        if let Some((_, label)) = self.taps.iter().find(|(known, _)| *known == at) {
            return label.clone();
        }
        let label = Label {
            namespace: self.names.namespace(at.namespace).into(),
            place: self.names.place(at.namespace),
            device: self.names.device(at).into(),
            role: self.names.role(at).into(),
        };
        self.taps.push((at, label.clone()));
        label
    }

    pub fn vxlan(&mut self, vni: u32, outer: &Tuple) -> Vxlan {
        let known = |(v, o, _): &&(u32, Tuple, Vxlan)| *v == vni && o == outer;
        if let Some((_, _, vxlan)) = self.tunnels.iter().find(known) {
            return vxlan.clone();
        }
        let vxlan = self.names.vxlan(vni, outer);
        self.tunnels.push((vni, *outer, vxlan.clone()));
        vxlan
    }
}
