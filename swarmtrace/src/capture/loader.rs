//! Loads the kernel side and keeps its filter current.

use super::attach::Taps;
use super::btf::KernelTypes;
use super::cleanup::cleanup;
use super::error::{Error, kernel_release};
use super::fate::{self, FateTypes};
use super::inventory::{LoadedProgram, inventory};
use super::journal::RUN_DIR;
use super::log::Stderr;
use super::programs::Programs;
use super::reader::Events;
use super::rights::missing_rights;
use super::site::{AttachMode, Changes, TapSite};
use super::tcx::has_tcx;
use crate::sys::kernel_names::KernelNames;
use aya::EbpfLoader;
use aya::maps::{Array, HashMap, Map, MapError, PerCpuArray, RingBuf};
use aya::programs::raw_trace_point::RawTracePointLink;
use aya::programs::{TestRun as _, TestRunOptions, TestRunResult};
use aya::util::KernelVersion;
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use swarmtrace_common::{Endpoint, PortSet, Settings, counters};

/// The kernel side, built by build.rs.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/swarmtrace"));

/// The kernel side as it is embedded and loaded: an ELF object. For tests and
/// benchmarks that look into it.
pub fn object() -> &'static [u8] {
    OBJECT
}

/// Which toolchain the kernel side was built with, for people.
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
    settings: Settings,
    endpoints: BTreeSet<Endpoint>,
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
    /// See [`Error`].
    pub fn load(options: &LoadOptions) -> Result<Self, Error> {
        if !missing_rights().is_empty() {
            return Err(Error::NotRoot);
        }
        let version = KernelVersion::current().map_err(|_| Error::KernelTooOld {
            found: kernel_release(),
        })?;
        if version < KernelVersion::new(5, 10, 0) {
            return Err(Error::KernelTooOld {
                found: kernel_release(),
            });
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
        .map_err(|_| Error::Object(String::from("reading BTF panicked")))?;
        let types = types.map_err(Error::NoBtf)?;

        let ring_bytes = options
            .ring_bytes
            .clamp(1 << 16, 1 << 30)
            .next_power_of_two();
        // An eighth of the ring buffer from any one CPU.
        let wake_every = (ring_bytes / 8 / 256).min(1024);
        let log_level: u8 = if options.verbose { u8::MAX } else { 0 };
        let mut object = loader
            .override_global("OFFSETS", &types.offsets, true)
            .override_global("FATE_OFFSETS", &types.fate.offsets, true)
            .override_global("WAKE_EVERY", &wake_every, true)
            .override_global(aya_log::LEVEL, &log_level, true)
            .map_max_entries("EVENTS", ring_bytes)
            .load(OBJECT)
            .map_err(Error::of_object)?;
        let ring = object.take_map("EVENTS").ok_or_else(|| no_map("EVENTS"))?;
        let ring = RingBuf::try_from(ring).map_err(map_error)?;
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
            settings: Settings::default(),
            endpoints: BTreeSet::new(),
            no_conntrack: types.no_conntrack,
            names: Arc::new(KernelNames::new(types.fate.reasons.clone())),
            fate: types.fate,
            fate_links: Vec::new(),
        };
        capture.set_settings(options.settings)?;
        Ok(capture)
    }

    /// Why events carry no conntrack tuples, where they do not.
    pub fn no_conntrack(&self) -> Option<&str> {
        self.no_conntrack.as_deref()
    }

    /// Every program as the kernel took it. Those that are loaded only when they
    /// are needed are loaded now.
    pub fn inventory(&mut self) -> Vec<LoadedProgram> {
        inventory(&mut self.programs)
    }

    /// Reports from now on what the kernel says of packets that the filter
    /// selects: dropped, or answered with a reset. In every namespace, whether or
    /// not anything is tapped there. Returns what will not be seen, a line each;
    /// that is never a reason to give up.
    pub fn watch_fate(&mut self) -> Vec<String> {
        if !self.fate_links.is_empty() {
            return Vec::new();
        }
        let mut unseen = self.fate.silences();
        for (program, tracepoint, what) in fate::PROGRAMS {
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

    /// The running kernel's names for what it says of a packet's fate.
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
    /// Where no thread could be started; everything else is in [`Changes`].
    pub fn reconcile(&mut self, sites: &[TapSite]) -> io::Result<Changes> {
        self.taps.reconcile(&mut self.programs, sites)
    }

    /// What is attached.
    pub fn attached(&self) -> impl Iterator<Item = &TapSite> {
        self.taps.attached()
    }

    /// Detaches everything. Safe to call again; dropping does it as well, but
    /// cannot say what went wrong.
    ///
    /// # Errors
    /// Where a filter could not be removed.
    pub fn detach_all(&mut self) -> io::Result<()> {
        self.fate_links.clear();
        self.taps.detach_all()
    }

    /// Has the kernel side report nothing, from now until ports, endpoints and
    /// settings are set anew.
    ///
    /// # Errors
    /// The kernel's.
    pub fn select_nothing(&mut self) -> Result<(), Error> {
        self.set_ports(&PortSet::from_iter([]))?;
        self.set_endpoints(&BTreeSet::new())?;
        self.set_settings(Settings {
            match_any: 0,
            ..self.settings
        })
    }

    /// Changes the settings; `endpoint_kinds` is filled in here.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_settings(&mut self, settings: Settings) -> Result<(), Error> {
        let kinds = self
            .endpoints
            .iter()
            .fold(0, |kinds, one| kinds | one.kind());
        self.settings = Settings {
            endpoint_kinds: kinds,
            ..settings
        };
        let mut map: Array<_, Settings> = map(&mut self.programs, "SETTINGS")?;
        map.set(0, self.settings, 0).map_err(map_error)
    }

    /// Changes the set of ports.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_ports(&mut self, ports: &PortSet) -> Result<(), Error> {
        let mut map: Array<_, PortSet> = map(&mut self.programs, "PORTS")?;
        map.set(0, ports, 0).map_err(map_error)
    }

    /// Changes the endpoints, by adding and removing what differs.
    ///
    /// # Errors
    /// The kernel's, for instance with more than 65,536 of them.
    pub fn set_endpoints(&mut self, endpoints: &BTreeSet<Endpoint>) -> Result<(), Error> {
        let mut map: HashMap<_, Endpoint, u8> = map(&mut self.programs, "ENDPOINTS")?;
        for gone in self.endpoints.difference(endpoints) {
            match map.remove(gone) {
                Ok(()) | Err(MapError::KeyNotFound) => {}
                Err(error) => return Err(map_error(error)),
            }
        }
        for new in endpoints.difference(&self.endpoints) {
            map.insert(new, 1, 0).map_err(map_error)?;
        }
        self.endpoints.clone_from(endpoints);
        self.set_settings(self.settings)
    }

    /// What the kernel side has counted.
    ///
    /// # Errors
    /// The kernel's.
    pub fn counters(&self) -> Result<Counters, Error> {
        let map = self.programs.object_ref().map("COUNTERS");
        let map: PerCpuArray<_, [u64; counters::COUNT as usize]> = map
            .ok_or_else(|| no_map("COUNTERS"))?
            .try_into()
            .map_err(map_error)?;
        let mut per_cpu: Vec<[u64; counters::COUNT as usize]> = Vec::new();
        for depth in 0..counters::DEPTHS {
            let counted = map.get(&depth, 0).map_err(map_error)?;
            per_cpu.resize(counted.len(), Default::default());
            for (sums, counts) in per_cpu.iter_mut().zip(counted.iter()) {
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum = sum.wrapping_add(*count);
                }
            }
        }
        Ok(Counters { per_cpu })
    }

    /// Runs a program over a frame without a network (`BPF_PROG_TEST_RUN`), for
    /// tests and benchmarks.
    ///
    /// # Errors
    /// The kernel's, for instance for a frame shorter than an Ethernet header.
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
        // `detach_all` is for those who want to know.
        let _ = self.detach_all();
    }
}

/// What the kernel side has counted, a CPU each; see [`counters`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// By CPU, then by counter.
    pub per_cpu: Vec<[u64; counters::COUNT as usize]>,
}

impl Counters {
    fn sum(&self, counter: u32) -> u64 {
        (self.per_cpu.iter()).fold(0, |sum, cpu| sum.wrapping_add(cpu[counter as usize]))
    }

    /// Packets that reached a tap.
    pub fn seen(&self) -> u64 {
        self.sum(counters::SEEN)
    }

    /// Packets that matched the filter.
    pub fn matched(&self) -> u64 {
        self.sum(counters::MATCHED)
    }

    /// Events of packets at taps written.
    pub fn reported(&self) -> u64 {
        self.sum(counters::REPORTED)
    }

    /// Events of drops and resets written.
    pub fn fates(&self) -> u64 {
        self.sum(counters::FATES)
    }

    /// Events lost because the ring buffer was full.
    pub fn lost(&self) -> u64 {
        self.sum(counters::LOST)
    }
}

fn map<'a, T>(programs: &'a mut Programs, name: &'static str) -> Result<T, Error>
where
    T: TryFrom<&'a mut Map, Error = MapError>,
{
    let map = programs.object().map_mut(name);
    T::try_from(map.ok_or_else(|| no_map(name))?).map_err(map_error)
}

fn no_map(name: &str) -> Error {
    Error::Object(format!("no map {name}"))
}

fn map_error(error: MapError) -> Error {
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    Error::Object(cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
}
