//! The names of a flow's taps and tunnels, each looked up once.
//!
//! A connection passes each of its taps many times, and every hop carries the tap's
//! names. So a tap is looked up once a flow, and its hops share what was found.

use super::hop::Vxlan;
use super::names::Names;
use crate::topology::{DeviceRef, Place};
use std::sync::Arc;
use swarmtrace_common::Tuple;

/// Names of one tap.
#[derive(Clone, Debug)]
pub(super) struct TapName {
    pub namespace: Arc<str>,
    pub place: Place,
    pub device: Arc<str>,
    pub role: Arc<str>,
}

/// Names of the taps and tunnels of one flow.
pub(super) struct TapNames<'a> {
    names: Names<'a>,
    node: Arc<str>,
    taps: Vec<(DeviceRef, TapName)>,
    tunnels: Vec<(u32, Tuple, Vxlan)>,
}

impl<'a> TapNames<'a> {
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

    pub fn tap(&mut self, at: DeviceRef) -> TapName {
        if let Some((_, name)) = self.taps.iter().find(|(known, _)| *known == at) {
            return name.clone();
        }
        let name = TapName {
            namespace: self.names.namespace(at.namespace).into(),
            place: self.names.place(at.namespace),
            device: self.names.device(at).into(),
            role: self.names.role(at).into(),
        };
        self.taps.push((at, name.clone()));
        name
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
