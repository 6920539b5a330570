//! A trace that is running: the kernel side, kept in step with the node.
//!
//! [`Trace`] loads the programs, taps every device of the Swarm's data path,
//! compiles the selection into the kernel's filter, and does the last two again
//! whenever the topology changes. It returns [`Step`]s: events, and ticks.

use super::coverage::TapSpans;
use super::filter;
use super::node_view::NodeView;
use super::options::TraceOptions;
use super::taps::Taps;
use crate::capture::{BATCH, Capture, Event, LoadOptions, Reader};
use crate::diagnose::TaskActivity;
use crate::flow::{Flow, Leg, Lost, Phase};
use crate::selection::Filter;
use crate::sys::clock::{Mono, Wall, wall_offset};
use crate::sys::kernel_names::KernelNames;
use crate::timeline::{Hop, Place, Timeline};
use crate::topology::Topology;
use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::time::Duration;
use swarmtrace_common::Settings;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often finished flows are collected.
pub const TICK: Duration = Duration::from_millis(50);
/// For how long after the kernel side began to report a connection may appear whose
/// SYN had passed some of the taps already.
const BEGINNING: Duration = Duration::from_millis(20);

/// What happened next.
pub enum Step {
    /// Packets were seen, dropped, or answered with a reset.
    Events(Vec<Event>),
    /// Time passed.
    Tick {
        /// Events up to now: every flow that was open when events were lost must be
        /// known before it is marked with the loss.
        events: Vec<Event>,
        /// Every event up to this time was returned.
        now: Mono,
        /// Events lost since the last tick.
        lost: Lost,
    },
}

/// A running trace. Dropping it detaches everything.
pub struct Trace {
    options: TraceOptions,
    taps: Taps,
    reader: Reader,
    node: NodeView,
    filter: Filter,
    /// From when on connections are seen from their first hop on.
    since: Mono,
    tick: Interval,
}

impl Trace {
    /// Reads the topology, loads the programs and taps every device.
    ///
    /// # Errors
    /// Errors, with one line each, if the user lacks a capability, the kernel or its
    /// BTF lacks something, or a name is unknown.
    pub async fn start(options: TraceOptions) -> Result<Self> {
        let node = NodeView::start(Wall::now()).await?;
        let filter = filter::compile(&options, node.topology())?;
        let mut capture = Capture::load(&LoadOptions {
            ring_bytes: options.ring_bytes,
            // Nothing is reported before every tap is in place: nobody reads it yet,
            // and what passes only some of the taps seems to go astray.
            settings: Settings {
                match_any: 0,
                ..filter::settings(&options, node.topology(), &filter)
            },
            verbose: options.verbose,
            ..LoadOptions::default()
        })?;
        let events = capture.events().context("the ring buffer is taken")?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut trace = Self {
            reader: events.into_reader(options.poll)?,
            options,
            taps: Taps::new(capture),
            node,
            filter,
            since: Mono::ZERO,
            tick,
        };
        trace.tap()?;
        trace.apply_filter()?;
        tokio::time::sleep(BEGINNING).await;
        trace.since = Mono::now();
        trace.taps.filter_changed(trace.since);
        Ok(trace)
    }

    /// Waits for the next step. Cancel-safe.
    ///
    /// # Errors
    /// Errors if the ring buffer or the counters cannot be read, or a new device
    /// cannot be tapped for a reason that is not the device's own.
    pub async fn next(&mut self) -> Result<Step> {
        loop {
            let mut events = Vec::new();
            tokio::select! {
                _ = self.tick.tick() => {
                    let lost = self.taps.newly_lost()?;
                    let now = self.catch_up(&mut events);
                    return Ok(Step::Tick { events, now, lost });
                }
                read = self.reader.next(&mut events) => {
                    read.context("cannot read the ring buffer")?;
                    return Ok(Step::Events(events));
                }
                () = self.node.changed() => self.keep_up()?,
            }
        }
    }

    /// Removes every tap; returns what was still in the ring buffer, and the events
    /// lost since the last tick.
    ///
    /// # Errors
    /// Errors if a tap cannot be removed.
    pub fn stop(&mut self) -> Result<(Vec<Event>, Lost)> {
        // Flows that are judged from now on lived with the taps in place.
        let now = Mono::now();
        self.confirm_taps(now)?;
        self.taps.remove(now)?;
        let mut events = Vec::new();
        while self.reader.drain(&mut events) > 0 {}
        Ok((events, self.taps.newly_lost()?))
    }

    /// The node as of now.
    pub fn topology(&self) -> &Topology {
        self.node.topology()
    }

    /// The node as it was when a flow was seen in these namespaces.
    pub fn topology_when(&self, namespaces: impl Iterator<Item = u32>) -> &Topology {
        self.node.topology_when(namespaces)
    }

    /// What a flow's task was doing when the flow failed.
    pub fn task_state(&self, timeline: &Timeline) -> Option<TaskActivity> {
        self.node.task_state(timeline)
    }

    /// The kernel's names for why it drops packets and sends resets.
    pub fn kernel_names(&self) -> Arc<KernelNames> {
        self.taps.capture.names()
    }

    /// A flow's timeline, with the names of its time.
    pub fn timeline(&self, flow: &Flow) -> Timeline {
        let sightings = flow.packets.iter().flat_map(|p| &p.sightings);
        let topology = self.topology_when(sightings.map(|s| s.at.namespace));
        flow.timeline_with(topology, wall_offset(), &self.kernel_names())
    }

    /// Whether a flow began in this trace. Of one that was under way when its taps
    /// came into place half was not seen.
    pub fn saw_begin(&self, flow: &Flow) -> bool {
        flow.first_time().is_none_or(|time| time >= self.since)
    }

    /// Whether the connection is one of those that the options select.
    pub fn selects(&self, timeline: &Timeline) -> bool {
        self.options.wanted.wants_client(timeline.client.ip())
            && (!self.options.whole_swarm || is_of_swarm(timeline))
            && self.is_for_selected(timeline)
    }

    /// Whether a packet of the flow was sent to a selected address.
    fn is_for_selected(&self, timeline: &Timeline) -> bool {
        let protocol = timeline.protocol;
        timeline.hops.iter().any(|hop| {
            let server = match hop.leg {
                Leg::Forward => hop.destination,
                Leg::Reply => hop.source,
            };
            hop.phase != Phase::IcmpError && self.filter.accepts(server, protocol)
        })
    }

    /// Events lost since the start, by CPU.
    ///
    /// # Errors
    /// Errors if the kernel's counters cannot be read.
    pub fn lost_by_cpu(&self) -> Result<Vec<u64>> {
        let counters = self.taps.capture.counters()?;
        let lost = swarmtrace_common::counters::LOST as usize;
        Ok(counters.per_cpu.iter().map(|cpu| cpu[lost]).collect())
    }

    /// Events reported since the start.
    ///
    /// # Errors
    /// Errors if the kernel's counters cannot be read.
    pub fn reported(&self) -> Result<u64> {
        Ok(self.taps.capture.counters()?.reported())
    }

    /// Taps in place, and in how many namespaces.
    pub fn tap_counts(&self) -> (usize, usize) {
        self.taps.counts()
    }

    /// Re-verifies the attached taps, so that [`Self::tap_spans`] reaches up to
    /// `now`.
    ///
    /// # Errors
    /// Errors if the programs cannot be attached.
    pub fn confirm_taps(&mut self, now: Mono) -> Result<()> {
        if self.taps.is_confirmed(now) {
            return Ok(());
        }
        self.tap()
    }

    /// `now`, or when the taps were removed if that was earlier.
    pub fn watched_until(&self, now: Mono) -> Mono {
        self.taps.watched_until(now)
    }

    /// When each tap was in place.
    pub fn tap_spans(&self) -> &TapSpans {
        self.taps.spans()
    }

    /// Since when flows are reported at every tap that they pass; `None` where the
    /// filter goes by the port alone and misses a flow whose port is rewritten.
    pub fn follows_since(&self) -> Option<Mono> {
        (!self.filter.is_by_port_alone()).then(|| self.taps.spans().filter_since())
    }

    /// Devices that could not be tapped, and what else narrows the view.
    pub fn gaps(&self) -> impl Iterator<Item = String> + '_ {
        (self.topology().gaps.iter().cloned()).chain(self.taps.gaps())
    }

    /// Follows a change of the node: new devices first, then names.
    fn keep_up(&mut self) -> Result<()> {
        self.node.advance(Mono::now(), Wall::now());
        self.tap()?;
        // A service that was removed leaves its last filter in place.
        if let Ok(filter) = filter::compile(&self.options, self.node.topology())
            && filter != self.filter
        {
            self.filter = filter;
            self.apply_filter()?;
            self.taps.filter_changed(Mono::now());
        }
        Ok(())
    }

    fn tap(&mut self) -> Result<()> {
        let sites = filter::tap_sites(&self.options.wanted, self.node.topology());
        self.taps.reconcile(&sites)
    }

    fn apply_filter(&mut self) -> Result<()> {
        let settings = filter::settings(&self.options, self.node.topology(), &self.filter);
        filter::apply(&mut self.taps.capture, &self.filter, settings)
    }

    /// Reads events; returns the time up to which these are all there are. Where
    /// more are waiting than one read takes, a flow whose next packet is among those
    /// has not fallen silent.
    fn catch_up(&mut self, events: &mut Vec<Event>) -> Mono {
        let now = Mono::now();
        let behind = self.reader.drain(events) == BATCH;
        (events.last().filter(|_| behind)).map_or(now, |last| now.min(last.time()))
    }
}

/// Whether a connection was more than one between the node's own processes and
/// the world outside.
pub fn is_of_swarm(timeline: &Timeline) -> bool {
    let beyond = |h: &Hop| h.place != Place::Host || h.vxlan.is_some();
    timeline.service.is_some() || timeline.hops.iter().any(beyond)
}
