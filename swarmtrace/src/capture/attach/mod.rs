//! Where the programs are attached, and how they are attached and detached.
//!
//! A tap site is a device in a network namespace; it gets a program at ingress
//! and one at egress. From Linux 6.6 on that can be a tcx link ([`tcx`]), which ends
//! with its file descriptor, however the process ends. Before, it is a filter on a
//! clsact qdisc ([`clsact`]), which stays until somebody removes it.
//!
//! tcx has a price: the kernel waits for an RCU grace period at each attach and
//! each detach (`tcx_entry_sync` in include/net/tcx.h), some 5 to 15 ms, and
//! holds the lock on all network configuration meanwhile. The devices of an ordinary
//! node are worth it; for more than [`TCX_MOST`] the node's network configuration would
//! stand still for seconds, and filters take their place.
//!
//! Filters have theirs: to add or remove the qdisc, the kernel deactivates a device
//! that is up and activates it again (`qdisc_graft` in `net/sched/sch_api.c`), and
//! drops what is sent in between.
//!
//! [`Taps::reconcile`] is the one way in and out: it compares the sites that should be
//! tapped with those that are, and attaches and detaches the difference. Namespace
//! inodes and device indexes are reused, so a tap counts as attached only while the
//! kernel, asked in the tap's own namespace, lists its programs.

mod clsact;
pub(super) mod tcx;

use self::clsact::Clsact;
use self::tcx::TcxLinks;
use super::programs::Programs;
use super::tap::{AttachMode, Changes};
use super::tc::Tc;
use crate::sys::netns::{self, Netns, Visitor};
use crate::topology::DeviceRef;
use crate::topology::taps::TapSite;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// What keeps a tap attached.
enum Hold {
    Tcx(TcxLinks),
    /// Its filters, which are in the journal.
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
    use_tcx: bool,
    taps: BTreeMap<DeviceRef, Tap>,
    clsact: Clsact,
}

impl Taps {
    /// No taps yet. `mode` is [`AttachMode::Auto`] only if the kernel has tcx.
    pub fn new(mode: AttachMode, run_dir: &Path) -> Self {
        Self {
            mode,
            use_tcx: false,
            taps: BTreeMap::new(),
            clsact: Clsact::new(run_dir),
        }
    }

    /// The sites that are tapped.
    pub fn attached(&self) -> impl Iterator<Item = &TapSite> {
        self.taps.values().map(|tap| &tap.site)
    }

    /// Attaches and detaches until exactly `wanted` is attached.
    ///
    /// # Errors
    /// Errors if no thread can be started; every other failure is in [`Changes`].
    pub fn reconcile(
        &mut self,
        programs: &mut Programs,
        wanted: &[TapSite],
    ) -> io::Result<Changes> {
        netns::on_thread(|visitor| {
            let mut changes = Changes::default();
            let devices: BTreeSet<DeviceRef> = wanted.iter().map(|site| site.at).collect();
            let unwanted: Vec<DeviceRef> = (self.taps.keys().copied())
                .filter(|at| !devices.contains(at))
                .collect();
            self.detach(visitor, &unwanted, &mut changes);
            self.use_tcx = self.choose_tcx(&devices);
            let mut sites: Vec<&TapSite> = wanted.iter().collect();
            sites.sort_by_key(|site| site.at);
            sites.dedup_by_key(|site| site.at);
            for group in sites.chunk_by(|a, b| a.at.namespace == b.at.namespace) {
                self.reconcile_namespace(visitor, programs, group, &mut changes);
            }
            self.save(&mut changes);
            changes
        })
    }

    /// Whether taps that are still missing become tcx links.
    fn choose_tcx(&self, wanted: &BTreeSet<DeviceRef>) -> bool {
        let missing = wanted.iter().filter(|at| !self.taps.contains_key(*at));
        let held = (self.taps.values()).filter(|tap| matches!(tap.hold, Hold::Tcx(_)));
        match self.mode {
            AttachMode::Tcx => true,
            AttachMode::Clsact => false,
            AttachMode::Auto => missing.count() + held.count() <= TCX_MOST,
        }
    }

    /// Detaches everything. Safe to call again.
    ///
    /// # Errors
    /// Errors if no thread can be started, or a filter cannot be removed.
    pub fn detach_all(&mut self) -> io::Result<()> {
        if self.taps.is_empty() {
            return self.clsact.save();
        }
        let changes = netns::on_thread(|visitor| {
            let mut changes = Changes::default();
            let all: Vec<DeviceRef> = self.taps.keys().copied().collect();
            self.detach(visitor, &all, &mut changes);
            self.save(&mut changes);
            changes
        })?;
        match changes.failed.first() {
            None => Ok(()),
            Some((site, reason)) => Err(io::Error::other(format!("{}: {reason}", site.device))),
        }
    }

    /// Attaches what is missing of one namespace's sites.
    fn reconcile_namespace(
        &mut self,
        visitor: &Visitor,
        programs: &mut Programs,
        sites: &[&TapSite],
        changes: &mut Changes,
    ) {
        let entered = enter(visitor, sites[0]);
        let mut tc = match entered.and_then(|()| Tc::open()) {
            Ok(tc) => tc,
            Err(error) => {
                for site in sites {
                    self.forget(site.at, changes);
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
                    self.forget(site.at, changes);
                    missing.push(*site);
                }
                Err(error) => {
                    self.forget(site.at, changes);
                    changes.failed.push(((*site).clone(), error.to_string()));
                }
            }
        }
        let announced = if self.use_tcx || missing.is_empty() {
            Ok(BTreeMap::new())
        } else {
            self.clsact.announce(&mut tc, &missing)
        };
        for site in missing {
            let result = match &announced {
                Err(error) => Err(io::Error::other(format!("journal: {error}"))),
                Ok(_) if self.use_tcx => TcxLinks::attach(programs, site).map(Hold::Tcx),
                Ok(qdiscs) => {
                    let qdisc = qdiscs.get(&site.at.ifindex).copied();
                    let attached = self.clsact.attach(programs, &mut tc, site, qdisc);
                    attached.map(|()| Hold::Clsact)
                }
            };
            match result {
                Ok(hold) => {
                    let site = site.clone();
                    changes.attached.push(site.at);
                    self.taps.insert(site.at, Tap { site, hold });
                }
                Err(error) => changes.failed.push((site.clone(), error.to_string())),
            }
        }
    }

    /// Whether the kernel lists both programs at a site. Called in its namespace.
    fn is_attached(&self, site: &TapSite, tc: &mut Tc) -> io::Result<bool> {
        let device = netns::device_name(site.at.ifindex)?;
        Ok(self.taps.get(&site.at).is_some_and(|tap| match &tap.hold {
            Hold::Tcx(links) => links.are_attached(&device),
            Hold::Clsact => self.clsact.is_attached(tc, site.at.ifindex),
        }))
    }

    /// Detaches these taps, each in its own namespace.
    fn detach(&mut self, visitor: &Visitor, devices: &[DeviceRef], changes: &mut Changes) {
        for at in devices {
            let Some(tap) = self.taps.get(at) else {
                continue;
            };
            if matches!(tap.hold, Hold::Clsact) {
                let site = tap.site.clone();
                let entered = enter(visitor, &site);
                let removed = match entered.and_then(|()| netns::device_name(at.ifindex)) {
                    // The filters are gone with the namespace or device.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    Err(error) => Err(error),
                    Ok(_) => Tc::open().and_then(|mut tc| self.clsact.retract(&mut tc, *at)),
                };
                if let Err(error) = removed {
                    changes.failed.push((site, error.to_string()));
                    continue;
                }
            }
            self.forget(*at, changes);
        }
    }

    /// Drops a tap. A tcx link ends with its file descriptor.
    fn forget(&mut self, at: DeviceRef, changes: &mut Changes) {
        if self.taps.remove(&at).is_some() {
            self.clsact.strike(at);
            changes.detached.push(at);
        }
    }

    fn save(&mut self, changes: &mut Changes) {
        if let Err(error) = self.clsact.save() {
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
    let namespace = Netns::open_known(&site.netns_path, site.at.namespace)?;
    Ok(visitor.enter(&namespace)?)
}
