//! A trace that is running: the kernel side, kept in step with the node.
//!
//! [`Trace`] loads the programs, taps every device of the Swarm's data path,
//! compiles the wishes into the kernel's filter, and does the last two again
//! whenever the topology changes. What it hands out are [`Step`]s: events, ticks,
//! and the end.

use super::coverage::TapSpans;
use super::history::History;
use super::snapshots::Snapshots;
use super::task_state::TaskStates;
use crate::capture::{BATCH, Capture, Event, LoadOptions, Reader, TapSite};
use crate::diagnose::TaskActivity;
use crate::flow::{Flow, Lost};
use crate::selection::{Filter, Ports, SelectionError, Wanted};
use crate::sys::clock::{self, Mono};
use crate::sys::kernel_names::KernelNames;
use crate::timeline::{Leg, Phase, Timeline};
use crate::topology::taps::{Scope, Site, sites};
use crate::topology::{DeviceKind, DeviceRef, Topology};
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use swarmtrace_common::{Mode, PortSet, Settings};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

/// How often finished flows are asked for.
pub const TICK: Duration = Duration::from_millis(50);
/// How long after the kernel side began to report a connection may turn up whose
/// SYN was half-way then.
const BEGINNING: Duration = Duration::from_millis(20);
/// Docker's default data-path port.
const VXLAN_PORT: u16 = 4789;

/// What to trace and how.
#[derive(Clone, Debug)]
pub struct TraceOptions {
    /// The flows that are wanted.
    pub wanted: Wanted,
    /// Where no service, port or network is named: every packet, rather than those
    /// of the services that Docker knows.
    pub unselected: bool,
    /// How much of each is reported.
    pub mode: Mode,
    /// One flow in this many; 1 is all.
    pub sample: u32,
    /// Size of the ring buffer in bytes.
    pub ring_bytes: u32,
    /// How old an event may be before it is looked at.
    pub poll: Duration,
    /// Print the kernel side's own messages.
    pub verbose: bool,
    /// End after this long.
    pub duration: Option<Duration>,
}

/// What happened next.
pub enum Step {
    /// Packets were seen, dropped, or answered with a reset.
    Events(Vec<Event>),
    /// Time passed.
    Tick {
        /// Packets seen up to now: flows that were alive when events were lost
        /// must be known before they are told of the loss.
        events: Vec<Event>,
        /// Until when everything that happened was handed out, CLOCK_MONOTONIC in
        /// nanoseconds.
        now: u64,
        /// Events that were lost since the last tick.
        lost: Lost,
    },
    /// The trace is to end: a signal, or its time is up.
    Stop,
}

/// A running trace. Dropping it detaches everything.
pub struct Trace {
    options: TraceOptions,
    capture: Capture,
    reader: Reader,
    snapshots: Snapshots,
    topology: Arc<Topology>,
    history: History,
    tasks: TaskStates,
    filter: Filter,
    gaps: BTreeMap<DeviceRef, String>,
    /// From when on connections are seen from their first hop on.
    since: u64,
    /// What the kernel does not say of packets' fates.
    silences: Vec<String>,
    spans: TapSpans,
    /// When the taps were last known to be in place.
    stopped: Option<u64>,
    lost: u64,
    tick: Interval,
    deadline: Option<Instant>,
    signals: [Signal; 3],
}

impl Trace {
    /// Reads the topology, loads the programs and taps everything.
    ///
    /// # Errors
    /// One line each for what the user can mend: rights, kernel, BTF, names.
    pub async fn start(options: TraceOptions) -> Result<Self> {
        let signals = [
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        ];
        let mut snapshots = Snapshots::start().await?;
        let topology = snapshots.newest();
        let mut tasks = TaskStates::new(snapshots.lives());
        tasks.note(&topology, wall_now());
        let filter = filter(&options, &topology)?;
        let mut capture = Capture::load(&LoadOptions {
            ring_bytes: options.ring_bytes,
            // Nothing is reported before every tap is in place: there is nobody
            // yet to read it, and what passes some taps alone seems to go astray.
            settings: Settings {
                match_any: 0,
                ..settings(&options, &topology, &filter)
            },
            verbose: options.verbose,
            ..LoadOptions::default()
        })?;
        let events = capture.events().context("the ring buffer is taken")?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut trace = Self {
            deadline: None,
            reader: events.into_reader(options.poll)?,
            options,
            capture,
            snapshots,
            topology,
            history: History::default(),
            tasks,
            filter,
            gaps: BTreeMap::new(),
            since: 0,
            silences: Vec::new(),
            spans: TapSpans::default(),
            stopped: None,
            lost: 0,
            tick,
            signals,
        };
        trace.silences = trace.capture.watch_fate();
        trace.tap()?;
        trace.apply_filter()?;
        tokio::time::sleep(BEGINNING).await;
        trace.since = monotonic_now();
        trace.spans.filter_changed(trace.since);
        // The time that was asked for is time of tracing, not of attaching.
        trace.deadline = trace.options.duration.map(|d| Instant::now() + d);
        Ok(trace)
    }

    /// Waits for the next step.
    pub async fn next(&mut self) -> Result<Step> {
        loop {
            let mut events = Vec::new();
            let [interrupt, terminate, hangup] = &mut self.signals;
            let deadline = self.deadline;
            let time_is_up = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupt.recv() => return Ok(Step::Stop),
                _ = terminate.recv() => return Ok(Step::Stop),
                _ = hangup.recv() => return Ok(Step::Stop),
                () = time_is_up => return Ok(Step::Stop),
                _ = self.tick.tick() => {
                    let lost = self.newly_lost()?;
                    let now = self.catch_up(&mut events);
                    return Ok(Step::Tick { events, now, lost });
                }
                read = self.reader.next(&mut events) => {
                    read.context("cannot read the ring buffer")?;
                    return Ok(Step::Events(events));
                }
                () = self.snapshots.changed() => {
                    self.keep_up()?;
                }
            }
        }
    }

    /// Detaches everything; what was still in the ring buffer, and how many
    /// events were lost since the last tick.
    pub fn stop(&mut self) -> Result<(Vec<Event>, Lost)> {
        // Flows that are told of from now on lived with the taps in place.
        let now = monotonic_now();
        self.confirm_taps(now)?;
        self.stopped = Some(now);
        // Detaching takes a while, in which a busy node would fill the ring buffer.
        self.capture.select_nothing()?;
        self.capture
            .detach_all()
            .context("cannot remove every tap; 'swarmtrace cleanup' removes what is left")?;
        let mut events = Vec::new();
        while self.reader.drain(&mut events) > 0 {}
        Ok((events, self.newly_lost()?))
    }

    /// The node as of now.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The kernel's names for why it drops packets and sends resets.
    pub fn kernel_names(&self) -> Arc<KernelNames> {
        self.capture.names()
    }

    /// The node as it was when a flow was seen in these namespaces: a container
    /// that a connection ended in may be gone a moment later.
    pub fn topology_when(&self, namespaces: impl Iterator<Item = u32>) -> &Topology {
        self.history.when(&self.topology, &namespaces.collect())
    }

    /// What a flow's task was doing when the flow failed.
    pub fn task_state(&self, timeline: &Timeline) -> Option<TaskActivity> {
        let topology = self.topology_when(timeline.hops.iter().map(|h| h.netns));
        self.tasks.state(timeline, topology)
    }

    /// A flow's timeline, with the names of its time.
    pub fn timeline(&self, flow: &Flow) -> Timeline {
        let sightings = flow.packets.iter().flat_map(|p| &p.sightings);
        let topology = self.topology_when(sightings.map(|s| s.netns));
        flow.timeline_with(topology, clock::wall_offset(), &self.kernel_names())
    }

    /// Whether a packet of the flow was sent to something that was asked for.
    pub fn wants(&self, timeline: &Timeline) -> bool {
        let protocol = timeline.protocol.number();
        timeline.hops.iter().any(|hop| {
            let server = match hop.leg {
                Leg::Forward => hop.destination,
                Leg::Reply => hop.source,
            };
            hop.phase != Phase::IcmpError && self.filter.accepts(server, protocol)
        })
    }

    /// Whether a flow began in this trace. One that was under way when its taps
    /// came into place is told of nowhere: half of it was not seen.
    pub fn is_of_this_trace(&self, flow: &Flow) -> bool {
        flow.first_time().is_none_or(|time| time.ns() >= self.since)
    }

    /// Whether connections of that client are wanted.
    pub fn wants_client(&self, client: IpAddr) -> bool {
        self.options.wanted.wants_client(client)
    }

    /// Events lost since the start, a CPU each.
    pub fn lost_by_cpu(&self) -> Result<Vec<u64>> {
        let counters = self.capture.counters()?;
        let lost = swarmtrace_common::counters::LOST as usize;
        Ok(counters.per_cpu.iter().map(|cpu| cpu[lost]).collect())
    }

    /// Events reported since the start.
    pub fn reported(&self) -> Result<u64> {
        Ok(self.capture.counters()?.reported())
    }

    /// Taps in place, and in how many namespaces.
    pub fn coverage(&self) -> (usize, usize) {
        let taps: Vec<&TapSite> = self.capture.attached().collect();
        let namespaces: BTreeSet<u32> = taps.iter().map(|t| t.at.namespace).collect();
        (taps.len(), namespaces.len())
    }

    /// Has the kernel say again which taps are in place, so that [`Self::spans`]
    /// knows of every moment up to `now`.
    pub fn confirm_taps(&mut self, now: u64) -> Result<()> {
        if self.stopped.is_some() || self.spans.is_confirmed(now) {
            return Ok(());
        }
        self.tap()
    }

    /// Until when, at most, the taps were in place: what is told of after the end
    /// of the trace was watched until they were removed.
    pub fn watched_until(&self, now: u64) -> u64 {
        self.stopped.map_or(now, |stopped| now.min(stopped))
    }

    /// When each tap was in place.
    pub fn tap_spans(&self) -> &TapSpans {
        &self.spans
    }

    /// Since when flows are reported at every tap that they pass. By its port alone
    /// a flow is lost from sight where that is rewritten.
    pub fn follows_since(&self) -> Option<u64> {
        (!self.filter.is_by_port_alone()).then(|| self.spans.steady_since())
    }

    /// Devices that could not be tapped, and what else narrows the view.
    pub fn gaps(&self) -> impl Iterator<Item = String> + '_ {
        let conntrack = self.capture.no_conntrack().map(|why| {
            format!("conntrack entries cannot be read ({why}): rewrites are inferred from packets")
        });
        (self.topology.gaps.iter().cloned())
            .chain(self.gaps.values().cloned())
            .chain(conntrack)
            .chain(self.silences.iter().cloned())
    }

    /// Follows a change of the node: new devices first, then names.
    fn keep_up(&mut self) -> Result<()> {
        let newest = self.snapshots.newest();
        let before = std::mem::replace(&mut self.topology, newest);
        self.history.keep(before, &self.topology, monotonic_now());
        self.tasks.note(&self.topology, wall_now());
        self.tap()?;
        // A service that was removed leaves its last filter in place.
        if let Ok(filter) = filter(&self.options, &self.topology)
            && filter != self.filter
        {
            self.filter = filter;
            self.apply_filter()?;
            self.spans.filter_changed(monotonic_now());
        }
        Ok(())
    }

    fn tap(&mut self) -> Result<()> {
        let scope = scope(&self.options.wanted, &self.topology);
        let wanted: Vec<TapSite> = sites(&self.topology, &scope)
            .into_iter()
            .map(tap_site)
            .collect();
        let before = monotonic_now();
        let changes = tokio::task::block_in_place(|| self.capture.reconcile(&wanted))
            .context("cannot attach the programs")?;
        self.spans.reconciled(before, monotonic_now(), &changes);
        self.gaps = (changes.failed.into_iter())
            .map(|(site, why)| (site.at, format!("{} is not tapped: {why}", site.device)))
            .collect();
        Ok(())
    }

    fn apply_filter(&mut self) -> Result<()> {
        let settings = settings(&self.options, &self.topology, &self.filter);
        // Widening comes before narrowing: no wanted packet slips between.
        if let Ports::Only(ports) = &self.filter.ports {
            let ports: PortSet = ports.iter().copied().collect();
            self.capture.set_ports(&ports)?;
        }
        let endpoints = self.filter.kernel_endpoints().unwrap_or_default();
        self.capture.set_endpoints(&endpoints)?;
        self.capture.set_settings(settings)?;
        Ok(())
    }

    /// Reads events, and says until when they are all there are: where more are
    /// waiting than are read at once, a flow whose next packet is among those has
    /// not fallen silent.
    fn catch_up(&mut self, events: &mut Vec<Event>) -> u64 {
        let now = monotonic_now();
        let behind = self.reader.drain(events) == BATCH;
        (events.last().filter(|_| behind)).map_or(now, |last| now.min(last.time().ns()))
    }

    fn newly_lost(&mut self) -> Result<Lost> {
        let lost = self.capture.counters()?.lost();
        let before = std::mem::replace(&mut self.lost, lost);
        Ok(Lost {
            count: lost.saturating_sub(before),
            by: Mono::now(),
        })
    }
}

/// CLOCK_MONOTONIC in nanoseconds, the clock of events.
pub fn monotonic_now() -> u64 {
    Mono::now().ns()
}

/// What to add to an event's time to get the time of day; 0 where the system
/// does not say.
pub fn wall_offset() -> i64 {
    clock::wall_offset().get()
}

/// The time of day in nanoseconds since the Unix epoch.
fn wall_now() -> i64 {
    let now = i64::try_from(monotonic_now()).unwrap_or(0);
    now.saturating_add(wall_offset())
}

fn settings(options: &TraceOptions, topology: &Topology, filter: &Filter) -> Settings {
    Settings {
        vxlan_port: vxlan_port(topology),
        mode: options.mode as u8,
        match_any: u8::from(filter.kernel_endpoints().is_none()),
        sample: options.sample,
        ..Settings::default()
    }
}

fn filter(options: &TraceOptions, topology: &Topology) -> Result<Filter, SelectionError> {
    if options.unselected && options.wanted.names_nothing() {
        return Ok(Filter::everything());
    }
    options.wanted.compile(topology)
}

/// Docker's data-path port: as Docker says, else as the VXLAN devices say.
fn vxlan_port(topology: &Topology) -> u16 {
    let devices = topology.namespaces.iter().flat_map(|n| &n.devices);
    let mut ports = devices.filter_map(|d| match d.kind {
        DeviceKind::Vxlan { port, .. } if port != 0 => Some(port),
        _ => None,
    });
    let docker = topology.docker.as_ref().map(|d| d.data_path_port);
    docker
        .filter(|port| *port != 0)
        .or_else(|| ports.next())
        .unwrap_or(VXLAN_PORT)
}

fn scope(wanted: &Wanted, topology: &Topology) -> Scope {
    let named = wanted.network.as_ref();
    let network = named.and_then(|name| {
        let is_it = |n: &&crate::topology::Network| &n.name == name || &n.id == name;
        topology.networks.iter().find(is_it)
    });
    match network {
        Some(network) if !network.vnis.is_empty() => {
            Scope::Vnis(network.vnis.iter().copied().collect())
        }
        _ => Scope::All,
    }
}

fn tap_site(site: Site) -> TapSite {
    TapSite {
        at: site.at(),
        netns_path: site.path,
        device: site.device,
        has_ethernet: site.ethernet,
    }
}
