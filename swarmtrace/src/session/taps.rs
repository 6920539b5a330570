//! The taps of a running trace: which are in place, and when each was.

use super::coverage::TapSpans;
use crate::capture::Capture;
use crate::flow::Lost;
use crate::sys::clock::Mono;
use crate::topology::DeviceRef;
use crate::topology::taps::TapSite;
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The loaded programs and where they are attached. Dropping it detaches them.
pub struct Taps {
    /// The kernel side.
    pub capture: Capture,
    spans: TapSpans,
    /// Devices that could not be tapped, by namespace and index, each with why.
    untapped: BTreeMap<DeviceRef, String>,
    /// What the kernel does not report of drops and resets.
    blind_spots: Vec<String>,
    /// When the taps were last known to be in place, once they are removed.
    removed: Option<Mono>,
    lost: u64,
}

impl Taps {
    /// No device is tapped yet; drops and resets are watched.
    pub fn new(mut capture: Capture) -> Self {
        Self {
            blind_spots: capture.watch_fate(),
            capture,
            spans: TapSpans::default(),
            untapped: BTreeMap::new(),
            removed: None,
            lost: 0,
        }
    }

    /// Attaches to these devices, detaches from all others, and records which taps
    /// the kernel confirms.
    ///
    /// Errors if the programs cannot be attached at all.
    pub fn reconcile(&mut self, sites: &[TapSite]) -> Result<()> {
        let before = Mono::now();
        let changes = tokio::task::block_in_place(|| self.capture.reconcile(sites))
            .context("cannot attach the programs")?;
        self.spans.reconciled(before, Mono::now(), &changes);
        self.untapped = (changes.failed.into_iter())
            .map(|(site, why)| (site.at, format!("{} is not tapped: {why}", site.device)))
            .collect();
        Ok(())
    }

    /// Records that the kernel side reports other packets from `now` on.
    pub fn filter_changed(&mut self, now: Mono) {
        self.spans.filter_changed(now);
    }

    /// Whether the taps are known to be in place, or removed, at `now`.
    pub fn is_confirmed(&self, now: Mono) -> bool {
        self.removed.is_some() || self.spans.is_confirmed(now)
    }

    /// Removes every tap. `now` is when they were last confirmed.
    ///
    /// Errors if a tap cannot be removed.
    pub fn remove(&mut self, now: Mono) -> Result<()> {
        self.removed = Some(now);
        // Detaching takes a while, in which a busy node would fill the ring buffer.
        self.capture.select_nothing()?;
        self.capture
            .detach_all()
            .context("cannot remove every tap; 'swarmtrace cleanup' removes what is left")
    }

    /// `now`, or when the taps were removed if that was earlier.
    pub fn watched_until(&self, now: Mono) -> Mono {
        self.removed.map_or(now, |removed| now.min(removed))
    }

    /// When each tap was in place.
    pub fn spans(&self) -> &TapSpans {
        &self.spans
    }

    /// Taps in place, and in how many namespaces.
    pub fn counts(&self) -> (usize, usize) {
        let taps: Vec<&TapSite> = self.capture.attached().collect();
        let namespaces: BTreeSet<u32> = taps.iter().map(|t| t.at.namespace).collect();
        (taps.len(), namespaces.len())
    }

    /// What cannot be seen: devices that are not tapped, and what this kernel does
    /// not report.
    pub fn gaps(&self) -> impl Iterator<Item = String> + '_ {
        let conntrack = self.capture.no_conntrack().map(|why| {
            format!("conntrack entries cannot be read ({why}): rewrites are inferred from packets")
        });
        (self.untapped.values().cloned())
            .chain(conntrack)
            .chain(self.blind_spots.iter().cloned())
    }

    /// Events lost since this was last called.
    ///
    /// Errors if the kernel's counters cannot be read.
    pub fn newly_lost(&mut self) -> Result<Lost> {
        let lost = self.capture.counters()?.lost();
        let before = std::mem::replace(&mut self.lost, lost);
        Ok(Lost {
            count: lost.saturating_sub(before),
            by: Mono::now(),
        })
    }
}
