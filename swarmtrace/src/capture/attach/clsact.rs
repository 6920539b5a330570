//! Taps as filters on a clsact qdisc, each journaled before it is added: see
//! [`journal`].

use crate::capture::journal::{self, Entry, Journal};
use crate::capture::programs::Programs;
use crate::capture::tc::{Qdisc, Tc};
use crate::topology::DeviceRef;
use crate::topology::taps::TapSite;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use swarmtrace_common::Direction;

/// This capture's filters.
pub struct Clsact {
    journal: Journal,
    /// Devices to which this capture has added clsact.
    owned: BTreeSet<DeviceRef>,
    run_dir: PathBuf,
}

impl Clsact {
    /// No filters yet; `run_dir` has the journals of every run.
    pub fn new(run_dir: &Path) -> Self {
        Self {
            journal: Journal::new(run_dir),
            owned: BTreeSet::new(),
            run_dir: run_dir.to_owned(),
        }
    }

    /// Journals the devices that are about to get filters. Returns the qdiscs of the
    /// namespace's devices.
    ///
    /// # Errors
    /// Errors if the journal cannot be written, then nothing may be attached, or the
    /// qdiscs cannot be read.
    pub fn announce(
        &mut self,
        tc: &mut Tc,
        sites: &[&TapSite],
    ) -> io::Result<BTreeMap<u32, Qdisc>> {
        let qdiscs = tc.qdiscs()?;
        let others = journal::found(&self.run_dir);
        for site in sites {
            let at = site.at;
            // If another swarmtrace has added clsact, the last one to leave removes it.
            let shared = others.iter().any(|other| {
                let entry = other.record.entry(at);
                other.is_live() && entry.is_some_and(|entry| entry.added_clsact)
            });
            if shared || !qdiscs.contains_key(&at.ifindex) {
                self.owned.insert(at);
            }
            self.journal.record.entries.push(Entry {
                netns_inode: at.namespace,
                netns_path: site.netns_path.clone(),
                ifindex: at.ifindex,
                added_clsact: self.owned.contains(&at),
            });
        }
        let saved = self.journal.save();
        if saved.is_err() {
            for site in sites {
                self.strike(site.at);
            }
        }
        saved.map(|()| qdiscs)
    }

    /// Adds the filters of an announced site, in its namespace. Leaves nothing behind
    /// if that fails.
    ///
    /// # Errors
    /// Errors if the kernel refuses, or an ingress qdisc is in the place of clsact.
    pub fn attach(
        &mut self,
        programs: &mut Programs,
        tc: &mut Tc,
        site: &TapSite,
        qdisc: Option<Qdisc>,
    ) -> io::Result<()> {
        let result = self.add_filters(programs, tc, site, qdisc);
        if result.is_err() {
            self.retract(tc, site.at)?;
        }
        result
    }

    fn add_filters(
        &self,
        programs: &mut Programs,
        tc: &mut Tc,
        site: &TapSite,
        qdisc: Option<Qdisc>,
    ) -> io::Result<()> {
        let (ifindex, handle) = (site.at.ifindex, self.journal.record.handle);
        match qdisc {
            // One of the two filters may still be there.
            Some(Qdisc::Clsact) => tc.sweep(ifindex, handle, false)?,
            Some(Qdisc::Ingress) => {
                return Err(io::Error::other(
                    "an ingress qdisc is in the place of clsact",
                ));
            }
            None => tc.add_clsact(ifindex)?,
        }
        for direction in [Direction::Ingress, Direction::Egress] {
            let (name, program) = programs.get(site.has_ethernet, direction)?;
            let program = program.fd().map_err(io::Error::other)?.as_fd();
            tc.add_filter(ifindex, direction, handle, name, program)?;
        }
        Ok(())
    }

    /// Whether the kernel lists both filters on a device. Called in its namespace.
    pub fn is_attached(&self, tc: &mut Tc, ifindex: u32) -> bool {
        let handle = self.journal.record.handle;
        [Direction::Ingress, Direction::Egress].iter().all(|side| {
            let filters = tc.filters(ifindex, *side);
            filters.is_ok_and(|filters| filters.iter().any(|found| found.is_ours(handle)))
        })
    }

    /// Removes the filters on a device, in its namespace, and its journal entry.
    ///
    /// # Errors
    /// Errors if the kernel refuses.
    pub fn retract(&mut self, tc: &mut Tc, at: DeviceRef) -> io::Result<()> {
        let record = &self.journal.record;
        let added = record.entry(at).is_some_and(|entry| entry.added_clsact);
        tc.sweep(at.ifindex, record.handle, added)?;
        self.owned.remove(&at);
        self.strike(at);
        Ok(())
    }

    /// Removes a device's journal entry.
    pub fn strike(&mut self, at: DeviceRef) {
        self.journal.record.entries.retain(|entry| entry.at() != at);
    }

    /// Writes the journal.
    ///
    /// # Errors
    /// Errors if the run directory is not writable.
    pub fn save(&mut self) -> io::Result<()> {
        self.journal.save()
    }
}
