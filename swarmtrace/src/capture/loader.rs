//! Loads the kernel side, and is the handle to it: taps, filter, tracepoints, events.

use super::attach::Taps;
use super::attach::tcx::has_tcx;
use super::cleanup::cleanup;
use super::counters::Counters;
use super::error::Error;
use super::fate_types::FateTypes;
use super::filter::Filter;
use super::inventory::{LoadedProgram, inventory};
use super::journal::RUN_DIR;
use super::kernel_types::KernelTypes;
use super::log::Stderr;
use super::programs::{Programs, TRACEPOINTS};
use super::reader::Events;
use super::tap::{AttachMode, Changes};
use crate::sys::kernel_names::KernelNames;
use crate::sys::{capabilities, kernel};
use crate::topology::taps::TapSite;
use aya::EbpfLoader;
use aya::maps::RingBuf;
use aya::programs::raw_trace_point::RawTracePointLink;
use aya::programs::{TestRun as _, TestRunOptions, TestRunResult};
use aya::util::KernelVersion;
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use swarmtrace_common::names::{globals, maps};
use swarmtrace_common::{Endpoint, PortSet, Settings};

/// The kernel side, built by build.rs.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/swarmtrace"));

/// The kernel side as it is embedded and loaded: an ELF object. For tests and
/// benchmarks that inspect it.
pub fn object() -> &'static [u8] {
    OBJECT
}

/// The toolchain that the kernel side was built with, as text.
pub const BPF_TOOLCHAIN: &str = env!("SWARMTRACE_BPF_TOOLCHAIN");

/// How to load.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Size of the ring buffer in bytes; made a power of two of at least 64 KiB.
    /// An event takes 248, one of a drop or a reset 264.
    pub ring_bytes: u32,
    /// The filter to begin with.
    pub settings: Settings,
    /// Print the kernel side's own diagnostics, and the verifier's.
    pub verbose: bool,
    /// How programs are attached.
    pub attach: AttachMode,
    /// Where journals of classic tc filters are kept.
    pub run_dir: PathBuf,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            ring_bytes: 8 << 20,
            settings: Settings {
                vxlan_port: 4789,
                ..Settings::default()
            },
            verbose: false,
            attach: AttachMode::Auto,
            run_dir: PathBuf::from(RUN_DIR),
        }
    }
}

/// The loaded kernel side and its taps. Dropping it detaches everything.
pub struct Capture {
    programs: Programs,
    taps: Taps,
    events: Option<Events>,
    filter: Filter,
    no_conntrack: Option<String>,
    fate: FateTypes,
    fate_links: Vec<RawTracePointLink>,
    names: Arc<KernelNames>,
}

impl Capture {
    /// Loads the kernel side; nothing is attached yet. Also removes what killed
    /// runs have left.
    ///
    /// # Errors
    /// Errors without the capabilities, without BTF, on a kernel that is too old, and
    /// if the kernel refuses a program: see [`Error`].
    pub fn load(options: &LoadOptions) -> Result<Self, Error> {
        if !capabilities::missing().is_empty() {
            return Err(Error::NotRoot);
        }
        match KernelVersion::current() {
            Ok(version) if version >= KernelVersion::new(5, 10, 0) => {}
            _ => {
                let found = kernel::release();
                return Err(Error::KernelTooOld { found });
            }
        }
        // Before 5.11 maps count as locked memory; later this changes nothing.
        let _ = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY);
        cleanup(&options.run_dir)?;

        // Both read the kernel's types, each for its own purpose.
        let (types, mut loader) = std::thread::scope(|scope| {
            let types = scope.spawn(KernelTypes::read);
            let loader = EbpfLoader::new();
            types.join().map(|types| (types, loader))
        })
        .map_err(|_| Error::Object("reading BTF panicked".to_owned()))?;
        let types = types.map_err(Error::NoBtf)?;

        let ring_bytes = options
            .ring_bytes
            .clamp(1 << 16, 1 << 30)
            .next_power_of_two();
        // An eighth of the ring buffer from any one CPU.
        let wake_every = (ring_bytes / 8 / 256).min(1024);
        let log_level: u8 = if options.verbose { u8::MAX } else { 0 };
        let mut object = loader
            .override_global(globals::OFFSETS, &types.offsets, true)
            .override_global(globals::FATE_OFFSETS, &types.fate.offsets, true)
            .override_global(globals::WAKE_EVERY, &wake_every, true)
            .override_global(aya_log::LEVEL, &log_level, true)
            .map_max_entries(maps::EVENTS, ring_bytes)
            .load(OBJECT)
            .map_err(Error::of_object)?;
        let ring = object.take_map(maps::EVENTS);
        let ring = ring.ok_or_else(|| Error::no_map(maps::EVENTS))?;
        let ring = RingBuf::try_from(ring).map_err(Error::of_map)?;
        let logger = if options.verbose {
            let logger = aya_log::EbpfLogger::init_with_logger(&mut object, Stderr);
            Some(logger.map_err(|error| Error::Object(error.to_string()))?)
        } else {
            None
        };
        let programs = Programs::load(object).inspect_err(|error| {
            if let (true, Error::Verifier { log, .. }) = (options.verbose, error) {
                eprintln!("{log}");
            }
        })?;
        let attach = match options.attach {
            AttachMode::Auto if !has_tcx() => AttachMode::Clsact,
            mode => mode,
        };
        let mut capture = Self {
            programs,
            taps: Taps::new(attach, &options.run_dir),
            events: Some(Events::new(ring, logger)),
            filter: Filter::default(),
            no_conntrack: types.no_conntrack,
            names: Arc::new(KernelNames::new(types.fate.reasons.clone())),
            fate: types.fate,
            fate_links: Vec::new(),
        };
        capture.set_settings(options.settings)?;
        Ok(capture)
    }

    /// Why events carry no conntrack tuples, if so.
    pub fn no_conntrack(&self) -> Option<&str> {
        self.no_conntrack.as_deref()
    }

    /// Every program, with what the verifier and the compiler report of it. Those that
    /// are loaded only when they are needed are loaded now.
    pub fn inventory(&mut self) -> Vec<LoadedProgram> {
        inventory(&mut self.programs)
    }

    /// Attaches to the tracepoints of dropped packets and sent resets, of packets that
    /// the filter selects, in every namespace, whether or not anything is tapped
    /// there. Returns what will not be seen, a line each; tracing works without.
    pub fn watch_fate(&mut self) -> Vec<String> {
        if !self.fate_links.is_empty() {
            return Vec::new();
        }
        let mut unseen = self.fate.missing();
        for (program, tracepoint, what) in TRACEPOINTS {
            let attached = match &self.fate.unusable {
                Some(why) => Err(why.clone()),
                None => (self.programs.trace(program, tracepoint)).map_err(|e| e.to_string()),
            };
            match attached {
                Ok(link) => self.fate_links.push(link),
                Err(why) => unseen.push(format!("{what} are not seen: {why}")),
            }
        }
        unseen
    }

    /// The running kernel's names for the numbers in drops and resets.
    pub fn names(&self) -> Arc<KernelNames> {
        Arc::clone(&self.names)
    }

    /// The reading end of the ring buffer; there is one.
    pub fn events(&mut self) -> Option<Events> {
        self.events.take()
    }

    /// Attaches what is new in `sites`, detaches what is not in it, and forgets
    /// what has vanished. Cheap when nothing has changed.
    ///
    /// # Errors
    /// Errors if no thread can be started; every other failure is in [`Changes`].
    pub fn reconcile(&mut self, sites: &[TapSite]) -> io::Result<Changes> {
        self.taps.reconcile(&mut self.programs, sites)
    }

    /// The sites that are tapped.
    pub fn attached(&self) -> impl Iterator<Item = &TapSite> {
        self.taps.attached()
    }

    /// Detaches everything. Safe to call again; dropping does it as well, but
    /// without reporting errors.
    ///
    /// # Errors
    /// Errors if a filter cannot be removed.
    pub fn detach_all(&mut self) -> io::Result<()> {
        self.fate_links.clear();
        self.taps.detach_all()
    }

    /// Selects nothing: the kernel side reports nothing until ports, endpoints and
    /// settings are set anew.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses.
    pub fn select_nothing(&mut self) -> Result<(), Error> {
        self.filter.select_nothing(&mut self.programs)
    }

    /// Changes the settings; `endpoint_kinds` is filled in here.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), Error> {
        self.filter.set_settings(&mut self.programs, settings)
    }

    /// Changes the set of ports.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses.
    pub fn set_ports(&mut self, ports: &PortSet) -> Result<(), Error> {
        Filter::set_ports(&mut self.programs, ports)
    }

    /// Changes the endpoints, by adding and removing what differs.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses, for instance more than 65,536 of them.
    pub fn set_endpoints(&mut self, endpoints: &BTreeSet<Endpoint>) -> Result<(), Error> {
        self.filter.set_endpoints(&mut self.programs, endpoints)
    }

    /// What the kernel side has counted.
    ///
    /// # Errors
    /// [`Error::Object`] if the kernel refuses.
    pub fn counters(&self) -> Result<Counters, Error> {
        Counters::read(&self.programs)
    }

    /// Runs a program over a frame without a network (`BPF_PROG_TEST_RUN`), for
    /// tests and benchmarks.
    ///
    /// # Errors
    /// Errors if the kernel refuses, for instance a frame shorter than an Ethernet header.
    pub fn test_run(
        &mut self,
        program: &'static str,
        options: TestRunOptions<'_>,
    ) -> Result<TestRunResult, Error> {
        let loaded = self.programs.loaded(program)?;
        loaded
            .test_run(options)
            .map_err(|error| Error::of_program(program, error))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // `detach_all` reports errors.
        let _ = self.detach_all();
    }
}
