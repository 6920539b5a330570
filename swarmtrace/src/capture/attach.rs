//! Where the programs are attached, and how they get there and away again.
//!
//! A tap site is a device in a network namespace; it gets a program at ingress
//! and one at egress. From Linux 6.6 on that is a tcx link, which vanishes with
//! its file descriptor, however the process ends. Before, it is a filter on a
//! clsact qdisc, which stays until somebody removes it; see [`super::journal`].
//!
//! [`Taps::reconcile`] is the one way in and out: it is given what should be
//! attached, looks at what is, and makes up the difference. Namespace inodes
//! and device indexes are reused, so a tap counts as attached only while the
//! kernel, asked in the tap's own namespace, says so.

use super::journal::{self, Entry, Journal};
use super::netns;
use super::programs::Programs;
use super::tc::{Qdisc, Tc};
use aya::programs::links::LinkOrder;
use aya::programs::tc::{SchedClassifierLink, TcAttachOptions, TcAttachType};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use swarmtrace_common::Direction;

/// A device to tap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TapSite {
    /// Inode of the device's network namespace.
    pub netns_inode: u32,
    /// A file that opens that namespace: an nsfs mount or `/proc/PID/ns/net`.
    pub netns_path: PathBuf,
    /// The device's index within the namespace.
    pub ifindex: u32,
    /// The device's name, for people.
    pub device: String,
    /// Whether its frames carry an Ethernet header.
    pub has_ethernet: bool,
}

impl TapSite {
    /// What identifies it: namespace inode and device index.
    pub fn id(&self) -> TapId {
        (self.netns_inode, self.ifindex)
    }
}

/// Namespace inode and device index.
pub type TapId = (u32, u32);

/// How programs are attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AttachMode {
    /// tcx where the kernel has it (6.6), else clsact.
    #[default]
    Auto,
    /// tcx links.
    Tcx,
    /// Filters on a clsact qdisc.
    Clsact,
}

/// What [`Taps::reconcile`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Newly attached, or attached again after somebody had removed them.
    pub attached: Vec<TapId>,
    /// No longer attached: not wanted, or gone with device or namespace.
    pub detached: Vec<TapId>,
    /// Wanted but not attached, and why: gaps in what can be seen.
    pub failed: Vec<(TapSite, String)>,
}

/// What holds a tap in place.
enum Hold {
    Tcx {
        _links: [SchedClassifierLink; 2],
        programs: [u32; 2],
    },
    Clsact,
}

struct Tap {
    site: TapSite,
    hold: Hold,
}

/// Every tap of this capture.
pub struct Taps {
    tcx: bool,
    taps: BTreeMap<TapId, Tap>,
    journal: Journal,
    run_dir: PathBuf,
}

impl Taps {
    /// No taps yet.
    pub fn new(tcx: bool, run_dir: &Path) -> Self {
        Self {
            tcx,
            taps: BTreeMap::new(),
            journal: Journal::new(run_dir),
            run_dir: run_dir.to_owned(),
        }
    }

    /// What is attached.
    pub fn attached(&self) -> impl Iterator<Item = &TapSite> {
        self.taps.values().map(|tap| &tap.site)
    }

    /// Makes exactly `wanted` attached.
    ///
    /// # Errors
    /// Where no thread could be started; everything else is in [`Changes`].
    pub fn reconcile(
        &mut self,
        programs: &mut Programs,
        wanted: &[TapSite],
    ) -> io::Result<Changes> {
        netns::on_thread(|| {
            let mut changes = Changes::default();
            let ids: BTreeSet<TapId> = wanted.iter().map(TapSite::id).collect();
            let unwanted: Vec<TapId> =
                (self.taps.keys().copied().filter(|id| !ids.contains(id))).collect();
            self.detach(&unwanted, &mut changes);
            let mut sites: Vec<&TapSite> = wanted.iter().collect();
            sites.sort_by_key(|site| site.id());
            sites.dedup_by_key(|site| site.id());
            for group in sites.chunk_by(|a, b| a.netns_inode == b.netns_inode) {
                self.reconcile_namespace(programs, group, &mut changes);
            }
            self.save(&mut changes);
            changes
        })
    }

    /// Detaches everything. Safe to call again.
    ///
    /// # Errors
    /// Where no thread could be started, or a filter could not be removed.
    pub fn detach_all(&mut self) -> io::Result<()> {
        if self.taps.is_empty() {
            return self.journal.save();
        }
        let changes = netns::on_thread(|| {
            let mut changes = Changes::default();
            let all: Vec<TapId> = self.taps.keys().copied().collect();
            self.detach(&all, &mut changes);
            self.save(&mut changes);
            changes
        })?;
        match changes.failed.first() {
            None => Ok(()),
            Some((site, reason)) => Err(io::Error::other(format!("{}: {reason}", site.device))),
        }
    }

    /// All wanted sites of one namespace.
    fn reconcile_namespace(
        &mut self,
        programs: &mut Programs,
        sites: &[&TapSite],
        changes: &mut Changes,
    ) {
        let first = sites[0];
        let entered = netns::enter(&first.netns_path, first.netns_inode);
        let tc = entered.and_then(|()| {
            if self.tcx {
                Ok(None)
            } else {
                Tc::open().map(Some)
            }
        });
        let mut tc = match tc {
            Ok(tc) => tc,
            Err(error) => {
                for site in sites {
                    self.forget(site.id(), changes);
                    changes.failed.push(((*site).clone(), error.to_string()));
                }
                return;
            }
        };
        let mut missing = Vec::new();
        for site in sites {
            match self.is_attached(site, tc.as_mut()) {
                Ok(true) => {}
                Ok(false) => {
                    self.forget(site.id(), changes);
                    missing.push(*site);
                }
                Err(error) => {
                    self.forget(site.id(), changes);
                    changes.failed.push(((*site).clone(), error.to_string()));
                }
            }
        }
        let added = match tc.as_mut() {
            Some(tc) if !missing.is_empty() => self.announce(tc, &missing),
            _ => Ok(()),
        };
        for site in missing {
            let result = match (&added, tc.as_mut()) {
                (Err(error), _) => Err(io::Error::other(error.to_string())),
                (Ok(()), Some(tc)) => self.attach_clsact(programs, tc, site),
                (Ok(()), None) => attach_tcx(programs, site),
            };
            match result {
                Ok(hold) => {
                    let site = site.clone();
                    changes.attached.push(site.id());
                    self.taps.insert(site.id(), Tap { site, hold });
                }
                Err(error) => changes.failed.push((site.clone(), error.to_string())),
            }
        }
    }

    /// Whether a site has its tap, by the kernel's own account. In its namespace.
    fn is_attached(&self, site: &TapSite, tc: Option<&mut Tc>) -> io::Result<bool> {
        let device = netns::device_name(site.ifindex)?;
        let Some(tap) = self.taps.get(&site.id()) else {
            return Ok(false);
        };
        match (&tap.hold, tc) {
            (Hold::Tcx { programs, .. }, _) => {
                let sides = [TcAttachType::Ingress, TcAttachType::Egress];
                Ok(programs.iter().zip(sides).all(|(program, side)| {
                    let query = aya::programs::SchedClassifier::query_tcx(&device, side);
                    query.is_ok_and(|(_, found)| found.iter().any(|found| found.id() == *program))
                }))
            }
            (Hold::Clsact, Some(tc)) => {
                let handle = self.journal.record.handle;
                Ok([Direction::Ingress, Direction::Egress].iter().all(|side| {
                    let filters = tc.filters(site.ifindex, *side);
                    filters.is_ok_and(|filters| filters.iter().any(|found| found.is_ours(handle)))
                }))
            }
            (Hold::Clsact, None) => Ok(false),
        }
    }

    /// Writes down which devices are about to get filters.
    fn announce(&mut self, tc: &mut Tc, sites: &[&TapSite]) -> io::Result<()> {
        let others = journal::found(&self.run_dir);
        for site in sites {
            // Where another swarmtrace has added clsact, whoever leaves last
            // removes it.
            let shared = others.iter().filter_map(|other| {
                let entry = other.record.entry(site.netns_inode, site.ifindex)?;
                (other.is_live() && entry.added_clsact).then_some(())
            });
            let added_clsact = tc.qdisc(site.ifindex)? == Qdisc::None || shared.count() > 0;
            self.journal.record.entries.push(Entry {
                netns_inode: site.netns_inode,
                netns_path: site.netns_path.clone(),
                ifindex: site.ifindex,
                added_clsact,
            });
        }
        self.journal.save()
    }

    fn attach_clsact(
        &mut self,
        programs: &mut Programs,
        tc: &mut Tc,
        site: &TapSite,
    ) -> io::Result<Hold> {
        let result = self.add_filters(programs, tc, site);
        if result.is_err() {
            self.retract(tc, site.id())?;
        }
        result
    }

    fn add_filters(
        &self,
        programs: &mut Programs,
        tc: &mut Tc,
        site: &TapSite,
    ) -> io::Result<Hold> {
        match tc.qdisc(site.ifindex)? {
            Qdisc::Clsact => {}
            Qdisc::None => tc.add_clsact(site.ifindex)?,
            Qdisc::Ingress => {
                return Err(io::Error::other(
                    "an ingress qdisc is in the place of clsact",
                ));
            }
        }
        for direction in [Direction::Ingress, Direction::Egress] {
            let (name, program) = programs.get(site.has_ethernet, direction)?;
            let program = program.fd().map_err(io::Error::other)?;
            let handle = self.journal.record.handle;
            tc.add_filter(
                site.ifindex,
                direction,
                handle,
                name,
                std::os::fd::AsFd::as_fd(program),
            )?;
        }
        Ok(Hold::Clsact)
    }

    /// Removes what is on a device, in its namespace, and its journal entry.
    fn retract(&mut self, tc: &mut Tc, id: TapId) -> io::Result<()> {
        let record = &self.journal.record;
        let added = record
            .entry(id.0, id.1)
            .is_some_and(|entry| entry.added_clsact);
        tc.sweep(id.1, record.handle, added)?;
        self.strike(id);
        Ok(())
    }

    /// Detaches these taps, each in its own namespace.
    fn detach(&mut self, ids: &[TapId], changes: &mut Changes) {
        for id in ids {
            let Some(tap) = self.taps.get(id) else {
                continue;
            };
            if matches!(tap.hold, Hold::Clsact) {
                let site = tap.site.clone();
                let entered = netns::enter(&site.netns_path, site.netns_inode);
                // Gone with its namespace or device: nothing is left to remove.
                let removed = match entered.and_then(|()| netns::device_name(site.ifindex)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    Err(error) => Err(error),
                    Ok(_) => Tc::open().and_then(|mut tc| self.retract(&mut tc, *id)),
                };
                if let Err(error) = removed {
                    changes.failed.push((site, error.to_string()));
                    continue;
                }
            }
            self.forget(*id, changes);
        }
    }

    /// Drops a tap. A tcx link ends with its file descriptor.
    fn forget(&mut self, id: TapId, changes: &mut Changes) {
        if self.taps.remove(&id).is_some() {
            self.strike(id);
            changes.detached.push(id);
        }
    }

    fn strike(&mut self, id: TapId) {
        let entries = &mut self.journal.record.entries;
        entries.retain(|entry| (entry.netns_inode, entry.ifindex) != id);
    }

    fn save(&mut self, changes: &mut Changes) {
        if let Err(error) = self.journal.save() {
            let sites = self.taps.values().map(|tap| tap.site.clone());
            let reason = format!("the journal could not be written: {error}");
            changes
                .failed
                .extend(sites.take(1).map(|site| (site, reason.clone())));
        }
    }
}

/// Attaches both programs as tcx links, in the site's namespace.
fn attach_tcx(programs: &mut Programs, site: &TapSite) -> io::Result<Hold> {
    let device = netns::device_name(site.ifindex)?;
    let mut attach = |direction| {
        let (_, program) = programs.get(site.has_ethernet, direction)?;
        let side = match direction {
            Direction::Ingress => TcAttachType::Ingress,
            Direction::Egress => TcAttachType::Egress,
        };
        // First, so that a program that ends the chain hides nothing.
        let order = TcAttachOptions::TcxOrder(LinkOrder::first());
        let link = program
            .attach_with_options(&device, side, order)
            .and_then(|id| program.take_link(id))
            .map_err(io::Error::other)?;
        let id = program.info().map_err(io::Error::other)?.id();
        io::Result::Ok((link, id))
    };
    let (ingress, egress) = (attach(Direction::Ingress)?, attach(Direction::Egress)?);
    Ok(Hold::Tcx {
        _links: [ingress.0, egress.0],
        programs: [ingress.1, egress.1],
    })
}

/// What [`cleanup`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Cleanup {
    /// Runs that had been killed.
    pub dead_runs: usize,
    /// Devices that were swept.
    pub swept: Vec<TapId>,
    /// Devices that could not be swept, and why.
    pub failed: Vec<(TapId, String)>,
}

/// Removes what killed runs have left, and nothing else.
///
/// # Errors
/// Where no thread could be started.
pub fn cleanup(run_dir: &Path) -> io::Result<Cleanup> {
    let dead: Vec<_> = (journal::found(run_dir).into_iter())
        .filter(|found| !found.is_live())
        .collect();
    if dead.is_empty() {
        return Ok(Cleanup::default());
    }
    netns::on_thread(|| {
        let mut result = Cleanup::default();
        for found in dead {
            let failures = result.failed.len();
            for entry in &found.record.entries {
                let id = (entry.netns_inode, entry.ifindex);
                let swept = netns::enter(&entry.netns_path, entry.netns_inode)
                    .and_then(|()| netns::device_name(entry.ifindex))
                    .and_then(|_| Tc::open())
                    .and_then(|mut tc| {
                        tc.sweep(entry.ifindex, found.record.handle, entry.added_clsact)
                    });
                match swept {
                    Ok(()) => result.swept.push(id),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => result.failed.push((id, error.to_string())),
                }
            }
            result.dead_runs += 1;
            if result.failed.len() == failures
                && let Err(error) = found.remove()
            {
                result.failed.push(((0, 0), error.to_string()));
            }
        }
        result
    })
}
