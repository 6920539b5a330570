//! The kernel side's filter: settings, ports and endpoints, kept in its maps.

use super::error::Error;
use super::programs::Programs;
use aya::maps::{Array, HashMap, MapError};
use std::collections::BTreeSet;
use swarmtrace_common::names::maps;
use swarmtrace_common::{Endpoint, EndpointKinds, PortSet, Settings};

/// The filter that is in the maps.
#[derive(Debug, Default)]
pub struct Filter {
    settings: Settings,
    endpoints: BTreeSet<Endpoint>,
}

impl Filter {
    /// Selects nothing, until ports, endpoints and settings are set anew.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses.
    pub fn select_nothing(&mut self, programs: &mut Programs) -> Result<(), Error> {
        Self::set_ports(programs, &PortSet::from_iter([]))?;
        self.set_endpoints(programs, &BTreeSet::new())?;
        let settings = Settings {
            match_any: 0,
            ..self.settings
        };
        self.set_settings(programs, settings)
    }

    /// Changes the settings; `endpoint_kinds` is filled in here.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses.
    pub fn set_settings(
        &mut self,
        programs: &mut Programs,
        settings: Settings,
    ) -> Result<(), Error> {
        let kinds =
            (self.endpoints.iter()).fold(EndpointKinds::empty(), |kinds, one| kinds | one.kind());
        self.settings = Settings {
            endpoint_kinds: kinds,
            ..settings
        };
        let mut map: Array<_, Settings> = programs.map_mut(maps::SETTINGS)?;
        map.set(0, self.settings, 0).map_err(Error::of_map)
    }

    /// Changes the set of ports.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses.
    pub fn set_ports(programs: &mut Programs, ports: &PortSet) -> Result<(), Error> {
        let mut map: Array<_, PortSet> = programs.map_mut(maps::PORTS)?;
        map.set(0, ports, 0).map_err(Error::of_map)
    }

    /// Changes the endpoints, by adding and removing what differs.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses, for instance more than 65,536 of them.
    pub fn set_endpoints(
        &mut self,
        programs: &mut Programs,
        endpoints: &BTreeSet<Endpoint>,
    ) -> Result<(), Error> {
        let mut map: HashMap<_, Endpoint, u8> = programs.map_mut(maps::ENDPOINTS)?;
        for gone in self.endpoints.difference(endpoints) {
            match map.remove(gone) {
                Ok(()) | Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(Error::of_map(error)),
            }
        }
        for new in endpoints.difference(&self.endpoints) {
            map.insert(new, 1, 0).map_err(Error::of_map)?;
        }
        self.endpoints.clone_from(endpoints);
        self.set_settings(programs, self.settings)
    }
}
