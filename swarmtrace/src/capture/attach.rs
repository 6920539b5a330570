//! Where the programs are attached, and how they get there and away again.
//!
//! A tap site is a device in a network namespace; it gets a program at ingress
//! and one at egress. From Linux 6.6 on that can be a tcx link, which vanishes
//! with its file descriptor, however the process ends. Before, it is a filter on
//! a clsact qdisc, which stays until somebody removes it; see [`super::journal`].
//!
//! tcx has a price: the kernel waits for an RCU grace period at each attach and
//! each detach (`tcx_entry_sync` in include/net/tcx.h), some 5 to 15 ms, and
//! holds the lock on all network configuration meanwhile. The devices of an ordinary
//! node are worth it; for more than [`TCX_MOST`] the node's network configuration would
//! stand still for seconds, and filters take their place.
//!
//! Those have theirs: to add or remove the qdisc, the kernel deactivates a device
//! that is up and activates it again (`qdisc_graft` in net/sched/sch_api.c), and
//! drops what is sent in between.
//!
//! [`Taps::reconcile`] is the one way in and out: it is given what should be
//! attached, looks at what is, and makes up the difference. Namespace inodes
//! and device indexes are reused, so a tap counts as attached only while the
//! kernel, asked in the tap's own namespace, says so.

use super::journal::{self, Entry, Journal};
use super::programs::Programs;
use super::site::{AttachMode, Changes, TapId, TapSite};
use super::tc::{Qdisc, Tc};
use crate::sys::netns::{self, Netns, Visitor};
use aya::programs::links::LinkOrder;
use aya::programs::tc::{SchedClassifierLink, TcAttachOptions, TcAttachType};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use swarmtrace_common::Direction;

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

/// Most devices that are tapped through tcx in [`AttachMode::Auto`].
pub const TCX_MOST: usize = 64;

/// Every tap of this capture.
pub struct Taps {
    mode: AttachMode,
    /// New taps of the current reconciliation are tcx links.
    tcx: bool,
    taps: BTreeMap<TapId, Tap>,
    /// Devices to which this capture has added clsact.
    owned: BTreeSet<TapId>,
    journal: Journal,
    run_dir: PathBuf,
}

impl Taps {
    /// No taps yet. `mode` is [`AttachMode::Auto`] only where tcx exists.
    pub fn new(mode: AttachMode, run_dir: &Path) -> Self {
        Self {
            mode,
            tcx: false,
            taps: BTreeMap::new(),
            owned: BTreeSet::new(),
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
        netns::on_thread(|visitor| {
            let mut changes = Changes::default();
            let ids: BTreeSet<TapId> = wanted.iter().map(TapSite::id).collect();
            let unwanted: Vec<TapId> =
                (self.taps.keys().copied().filter(|id| !ids.contains(id))).collect();
            self.detach(visitor, &unwanted, &mut changes);
            self.tcx = self.choose_tcx(&ids);
            let mut sites: Vec<&TapSite> = wanted.iter().collect();
            sites.sort_by_key(|site| site.id());
            sites.dedup_by_key(|site| site.id());
            for group in sites.chunk_by(|a, b| a.netns_inode == b.netns_inode) {
                self.reconcile_namespace(visitor, programs, group, &mut changes);
            }
            self.save(&mut changes);
            changes
        })
    }

    /// Whether taps that are still missing become tcx links.
    fn choose_tcx(&self, wanted: &BTreeSet<TapId>) -> bool {
        let missing = wanted.iter().filter(|id| !self.taps.contains_key(*id));
        let held = self
            .taps
            .values()
            .filter(|tap| matches!(tap.hold, Hold::Tcx { .. }));
        match self.mode {
            AttachMode::Tcx => true,
            AttachMode::Clsact => false,
            AttachMode::Auto => missing.count() + held.count() <= TCX_MOST,
        }
    }

    /// Detaches everything. Safe to call again.
    ///
    /// # Errors
    /// Where no thread could be started, or a filter could not be removed.
    pub fn detach_all(&mut self) -> io::Result<()> {
        if self.taps.is_empty() {
            return self.journal.save();
        }
        let changes = netns::on_thread(|visitor| {
            let mut changes = Changes::default();
            let all: Vec<TapId> = self.taps.keys().copied().collect();
            self.detach(visitor, &all, &mut changes);
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
        visitor: &Visitor,
        programs: &mut Programs,
        sites: &[&TapSite],
        changes: &mut Changes,
    ) {
        let first = sites[0];
        let entered = enter(visitor, first);
        let mut tc = match entered.and_then(|()| Tc::open()) {
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
            match self.is_attached(site, &mut tc) {
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
        let announced = if self.tcx || missing.is_empty() {
            Ok(BTreeMap::new())
        } else {
            self.announce(&mut tc, &missing)
        };
        for site in missing {
            let result = match &announced {
                Err(error) => Err(io::Error::other(format!("journal: {error}"))),
                Ok(_) if self.tcx => attach_tcx(programs, site),
                Ok(qdiscs) => {
                    let qdisc = qdiscs.get(&site.ifindex).copied();
                    self.attach_clsact(programs, &mut tc, site, qdisc)
                }
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
    fn is_attached(&self, site: &TapSite, tc: &mut Tc) -> io::Result<bool> {
        let device = netns::device_name(site.ifindex)?;
        let Some(tap) = self.taps.get(&site.id()) else {
            return Ok(false);
        };
        match &tap.hold {
            Hold::Tcx { programs, .. } => {
                let sides = [TcAttachType::Ingress, TcAttachType::Egress];
                Ok(programs.iter().zip(sides).all(|(program, side)| {
                    let query = aya::programs::SchedClassifier::query_tcx(&device, side);
                    query.is_ok_and(|(_, found)| found.iter().any(|found| found.id() == *program))
                }))
            }
            Hold::Clsact => {
                let handle = self.journal.record.handle;
                Ok([Direction::Ingress, Direction::Egress].iter().all(|side| {
                    let filters = tc.filters(site.ifindex, *side);
                    filters.is_ok_and(|filters| filters.iter().any(|found| found.is_ours(handle)))
                }))
            }
        }
    }

    /// Writes down which devices are about to get filters, and says what qdiscs
    /// they have.
    fn announce(&mut self, tc: &mut Tc, sites: &[&TapSite]) -> io::Result<BTreeMap<u32, Qdisc>> {
        let qdiscs = tc.qdiscs()?;
        let others = journal::found(&self.run_dir);
        for site in sites {
            let (inode, ifindex) = site.id();
            // Where another swarmtrace has added clsact, whoever leaves last
            // removes it.
            let shared = others.iter().any(|other| {
                let entry = other.record.entry(inode, ifindex);
                other.is_live() && entry.is_some_and(|entry| entry.added_clsact)
            });
            if shared || !qdiscs.contains_key(&ifindex) {
                self.owned.insert(site.id());
            }
            self.journal.record.entries.push(Entry {
                netns_inode: inode,
                netns_path: site.netns_path.clone(),
                ifindex,
                added_clsact: self.owned.contains(&site.id()),
            });
        }
        let saved = self.journal.save();
        if saved.is_err() {
            sites.iter().for_each(|site| self.strike(site.id()));
        }
        saved.map(|()| qdiscs)
    }

    fn attach_clsact(
        &mut self,
        programs: &mut Programs,
        tc: &mut Tc,
        site: &TapSite,
        qdisc: Option<Qdisc>,
    ) -> io::Result<Hold> {
        let result = self.add_filters(programs, tc, site, qdisc);
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
        qdisc: Option<Qdisc>,
    ) -> io::Result<Hold> {
        match qdisc {
            // One of the two filters may still be there.
            Some(Qdisc::Clsact) => tc.sweep(site.ifindex, self.journal.record.handle, false)?,
            Some(Qdisc::Ingress) => {
                return Err(io::Error::other(
                    "an ingress qdisc is in the place of clsact",
                ));
            }
            None => tc.add_clsact(site.ifindex)?,
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
        self.owned.remove(&id);
        self.strike(id);
        Ok(())
    }

    /// Detaches these taps, each in its own namespace.
    fn detach(&mut self, visitor: &Visitor, ids: &[TapId], changes: &mut Changes) {
        for id in ids {
            let Some(tap) = self.taps.get(id) else {
                continue;
            };
            if matches!(tap.hold, Hold::Clsact) {
                let site = tap.site.clone();
                let entered = enter(visitor, &site);
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

/// Moves the calling thread into a site's namespace.
fn enter(visitor: &Visitor, site: &TapSite) -> io::Result<()> {
    let namespace = Netns::open_known(&site.netns_path, site.netns_inode)?;
    Ok(visitor.enter(&namespace)?)
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
