//! Asks the kernel: first what it supports, then whether it loads every program.

use super::{Feature, Id, types};
use crate::capture::{Capture, Error, LoadOptions, LoadedProgram, MINIMUM_KERNEL, has_tcx};
use crate::sys::{capabilities, kernel};
use aya::maps::MapType;
use aya::programs::ProgramType;
use aya::sys::{BpfHelper, is_helper_supported, is_map_supported};
use aya::util::KernelVersion;
use caps::Capability;
use std::path::PathBuf;
use std::time::Instant;
use swarmtrace_common::names::programs as names;

/// Why a feature is unknown without the capabilities.
const NO_RIGHTS: &str = "cannot be asked without the rights";

/// What the kernel answered.
pub struct Kernel {
    /// The kernel's features, in the report's order.
    pub features: Vec<Feature>,
    /// Every program.
    pub programs: Vec<LoadedProgram>,
    /// How long loading them took, in milliseconds.
    pub load_ms: Option<u64>,
}

impl Kernel {
    /// Asks the running kernel. `verbose` prints the verifier's log of a refused program.
    pub fn ask(verbose: bool) -> Self {
        let rights = rights(&capabilities::missing(), nix::unistd::geteuid().is_root());
        let version = version(&kernel::release(), KernelVersion::current().ok());
        let (btf, of_types) = types::ask();
        let allowed = rights.state == super::State::Ok;
        let mut features = vec![rights, version, btf];
        let (mut programs, mut load_ms) = (Vec::new(), None);
        if allowed {
            features.push(ring_buffer());
            features.extend(HELPERS.map(|(id, helper, name)| self::helper(id, helper, name)));
            let since = Instant::now();
            let loaded = load(verbose);
            if let Ok(all) = &loaded {
                let spent = u64::try_from(since.elapsed().as_millis());
                load_ms = spent.ok();
                programs.clone_from(all);
            }
            features.extend(of_programs(&loaded));
            features.push(tcx());
        } else {
            let ids = [Id::RingBuffer].into_iter();
            let ids = ids.chain(HELPERS.map(|(id, ..)| id));
            let ids = ids.chain([Id::Programs, Id::Jit, Id::Tcx]);
            features.extend(ids.map(|id| Feature::unknown(id, NO_RIGHTS)));
        }
        features.extend(of_types);
        refuse(&mut features, &programs);
        Self {
            features,
            programs,
            load_ms,
        }
    }
}

fn rights(missing: &[Capability], root: bool) -> Feature {
    match (missing, root) {
        ([], true) => Feature::ok(Id::Rights, "root"),
        ([], false) => Feature::ok(Id::Rights, "capabilities"),
        (missing, true) => {
            let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let what = format!("root, but without {}", names.join(", "));
            Feature::missing(Id::Rights, what)
        }
        (_, false) => Feature::missing(Id::Rights, "not root"),
    }
}

fn version(release: &str, version: Option<KernelVersion>) -> Feature {
    match version {
        Some(version) if version >= KernelVersion::new(5, 10, 0) => {
            Feature::ok(Id::Kernel, format!("Linux {release}"))
        }
        _ => Feature::missing(
            Id::Kernel,
            format!("Linux {release} is older than {MINIMUM_KERNEL}"),
        ),
    }
}

fn ring_buffer() -> Feature {
    match is_map_supported(MapType::RingBuf) {
        Ok(true) => Feature::ok(Id::RingBuffer, "BPF_MAP_TYPE_RINGBUF"),
        Ok(false) => Feature::missing(
            Id::RingBuffer,
            "this kernel has no ring buffer for BPF programs",
        ),
        Err(error) => Feature::unknown(Id::RingBuffer, error.to_string()),
    }
}

/// Helpers that the programs call and some kernels withhold.
const HELPERS: [(Id, BpfHelper, &str); 3] = [
    (
        Id::PacketBytes,
        BpfHelper::BPF_FUNC_skb_load_bytes,
        "bpf_skb_load_bytes",
    ),
    (
        Id::KernelMemory,
        BpfHelper::BPF_FUNC_probe_read_kernel,
        "bpf_probe_read_kernel",
    ),
    (
        Id::Clock,
        BpfHelper::BPF_FUNC_ktime_get_ns,
        "bpf_ktime_get_ns",
    ),
];

fn helper(id: Id, helper: BpfHelper, name: &str) -> Feature {
    match is_helper_supported(ProgramType::SchedClassifier, helper) {
        Ok(true) => Feature::ok(id, name),
        Ok(false) => Feature::missing(id, format!("this kernel withholds {name} from tc programs")),
        Err(error) => Feature::unknown(id, error.to_string()),
    }
}

/// Loads every program. The error is why none could be loaded.
fn load(verbose: bool) -> Result<Vec<LoadedProgram>, String> {
    let options = LoadOptions {
        ring_bytes: 1 << 16,
        // No journals are read: nothing is attached, and what killed runs have left
        // stays.
        run_dir: PathBuf::new(),
        ..LoadOptions::default()
    };
    let loaded = Capture::load(&options).map(|mut capture| capture.inventory());
    let logs: Vec<&str> = match &loaded {
        Ok(programs) => programs.iter().filter_map(|p| p.log.as_deref()).collect(),
        Err(Error::Verifier { log, .. }) => vec![log],
        Err(_) => Vec::new(),
    };
    if verbose {
        for log in logs {
            anstream::eprintln!("{log}");
        }
    }
    loaded.map_err(|error| match error {
        // What to do about it is printed beside it.
        Error::Verifier {
            program, reason, ..
        } => format!("{program}: {reason}"),
        other => other.to_string(),
    })
}

/// Marks tracepoints as missing whose program the kernel refuses: tracing works
/// without them.
fn refuse(features: &mut [Feature], programs: &[LoadedProgram]) {
    for (id, name) in [(Id::Drops, names::DROP), (Id::Resets, names::RESET)] {
        let refused = programs.iter().find(|p| p.name == name);
        let why = refused.and_then(|p| p.refused.as_ref());
        if let (Some(why), Some(feature)) = (why, features.iter_mut().find(|f| f.id == id)) {
            *feature = Feature::missing(id, format!("{name} was refused: {why}"));
        }
    }
}

/// Whether the kernel loads the programs, and whether it compiles them.
fn of_programs(loaded: &Result<Vec<LoadedProgram>, String>) -> [Feature; 2] {
    let programs = match loaded {
        Ok(programs) => programs,
        Err(error) => {
            return [
                Feature::missing(Id::Programs, error),
                Feature::unknown(Id::Jit, "no program was loaded"),
            ];
        }
    };
    let refused: Vec<String> = (programs.iter())
        .filter(|p| p.is_tap)
        .filter_map(|p| Some(format!("{}: {}", p.name, p.refused.as_ref()?)))
        .collect();
    let taken = match refused.is_empty() {
        true => Feature::ok(Id::Programs, "those that look at packets load"),
        false => Feature::missing(Id::Programs, refused.join("; ")),
    };
    let interpreted = |p: &LoadedProgram| p.refused.is_none() && p.compiled_bytes.is_none();
    let jit = match programs.iter().any(interpreted) {
        true => Feature::missing(Id::Jit, "programs are interpreted"),
        false => Feature::ok(Id::Jit, "programs are compiled to machine code"),
    };
    [taken, jit]
}

fn tcx() -> Feature {
    match has_tcx() {
        true => Feature::ok(Id::Tcx, "taps end with the process"),
        false => Feature::missing(Id::Tcx, "this kernel has no tcx"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::State;

    fn program(name: &str) -> LoadedProgram {
        LoadedProgram {
            name: name.to_owned(),
            is_tap: true,
            verified_instructions: Some(700),
            instructions: Some(500),
            compiled_bytes: Some(2800),
            refused: None,
            log: None,
        }
    }

    #[test]
    fn missing_capabilities_are_listed() {
        assert_eq!(rights(&[], true).state, State::Ok);
        assert_eq!(rights(&[], false).what, "capabilities");
        assert_eq!(rights(&[Capability::CAP_BPF], false).what, "not root");
        let container = rights(&[Capability::CAP_BPF, Capability::CAP_SYS_ADMIN], true);
        assert_eq!(container.what, "root, but without CAP_BPF, CAP_SYS_ADMIN");
    }

    #[test]
    fn kernels_before_5_10_are_too_old() {
        let of = |major, minor| version("x", Some(KernelVersion::new(major, minor, 0))).state;
        assert_eq!([of(5, 9), of(5, 10)], [State::Missing, State::Ok]);
        assert_eq!(version("x", None).state, State::Missing);
    }

    #[test]
    fn a_refused_program_is_named() {
        let refused = LoadedProgram {
            refused: Some("R1 invalid".to_owned()),
            compiled_bytes: None,
            ..program("swarmtrace_out")
        };
        let [taken, jit] = of_programs(&Ok(vec![program("swarmtrace_in"), refused]));
        assert_eq!(taken.state, State::Missing);
        assert_eq!(taken.what, "swarmtrace_out: R1 invalid");
        assert_eq!(jit.state, State::Ok);
    }

    #[test]
    fn a_tracepoint_without_its_program_is_missing_and_no_more() {
        let refused = LoadedProgram {
            is_tap: false,
            refused: Some("too large".to_owned()),
            ..program("swarmtrace_drop")
        };
        let programs = vec![program("swarmtrace_in"), refused];
        let mut features = vec![Feature::ok(Id::Drops, "x"), Feature::ok(Id::Resets, "x")];
        refuse(&mut features, &programs);
        assert_eq!(features[0].state, State::Missing);
        assert_eq!(features[1].state, State::Ok);
        let [taken, _] = of_programs(&Ok(programs));
        assert_eq!(taken.state, State::Ok);
    }

    #[test]
    fn interpreted_programs_are_reported() {
        let interpreted = LoadedProgram {
            compiled_bytes: None,
            ..program("swarmtrace_in")
        };
        let [taken, jit] = of_programs(&Ok(vec![interpreted]));
        assert_eq!((taken.state, jit.state), (State::Ok, State::Missing));
    }

    /// The order of the report is that of the table.
    #[test]
    fn everything_is_asked_in_order() {
        let asked: Vec<Id> = (Kernel::ask(false).features.iter()).map(|f| f.id).collect();
        let of_the_kernel = Id::ALL.into_iter().take_while(|id| *id != Id::Docker);
        assert_eq!(asked, of_the_kernel.collect::<Vec<_>>());
    }
}
