//! Somebody else's program on the same hook: it does nothing but return a verdict,
//! and the kernel counts how often it ran. swarmtrace must neither keep it from
//! running nor take it away.
//!
//! Two instructions need no compiler and no object file: they are loaded with
//! bpf(2) as they are, and attached by aya.

use aya::programs::ProgramInfo;
use aya::programs::links::LinkOrder;
use aya::programs::tc::{NlOptions, SchedClassifier, TcAttachOptions, TcAttachType};
use aya::sys::Stats;
use bed::namespace::Namespace;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, OwnedFd};

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
/// `exit`
const EXIT: u64 = 0x95;
/// `r0 = …`, the number in the upper half.
const SET_R0: u64 = 0xb7;

/// What it says of each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `TC_ACT_OK`, which is also `TCX_PASS`: the packet goes on, later programs
    /// are not asked.
    Ok = 0,
}

/// Where it hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// A filter of the clsact qdisc, at that priority.
    Filter(u16),
    /// tcx, before what is there.
    Tcx,
}

/// The program, attached for as long as the device lives.
#[derive(Debug)]
pub struct Bystander {
    id: u32,
    // A netlink link's drop would look for its filter in this thread's namespace;
    // the filter goes with the device instead.
    _program: ManuallyDrop<SchedClassifier>,
    _counting: OwnedFd,
}

/// The head of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Default)]
struct Load {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

impl Bystander {
    /// Loads it and hangs it on a device.
    #[track_caller]
    pub fn attach(
        namespace: &Namespace,
        device: &str,
        way: TcAttachType,
        hook: Hook,
        verdict: Verdict,
    ) -> Self {
        let counting = aya::sys::enable_stats(Stats::RunTime).expect("have the kernel count runs");
        let (id, mut program) = load(verdict);
        let options = match hook {
            Hook::Filter(priority) => TcAttachOptions::Netlink(NlOptions {
                priority,
                ..NlOptions::default()
            }),
            Hook::Tcx => TcAttachOptions::TcxOrder(LinkOrder::first()),
        };
        namespace
            .run(|| program.attach_with_options(device, way, options).map(drop))
            .unwrap_or_else(|e| panic!("attach a bystander to {device}: {e}"));
        Self {
            id,
            _program: ManuallyDrop::new(program),
            _counting: counting,
        }
    }

    /// How often it ran.
    #[track_caller]
    pub fn runs(&self) -> u64 {
        info(self.id).run_count()
    }
}

fn info(id: u32) -> ProgramInfo {
    let mut loaded = aya::programs::loaded_programs().flatten();
    loaded
        .find(|p| p.id() == id)
        .expect("the bystander is loaded")
}

fn load(verdict: Verdict) -> (u32, SchedClassifier) {
    let instructions = [SET_R0 | (verdict as u64) << 32, EXIT];
    let mut attributes = Load {
        kind: BPF_PROG_TYPE_SCHED_CLS,
        instruction_count: 2,
        instructions: instructions.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        ..Load::default()
    };
    attributes.name[..9].copy_from_slice(b"bystander");
    // SAFETY: the attributes are the first fields of bpf_attr, the pointers in
    // them are valid during the call, and the size says how much there is.
    let descriptor = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_PROG_LOAD,
            &raw const attributes,
            size_of::<Load>(),
        )
    };
    assert!(
        descriptor >= 0,
        "load a bystander: {}",
        std::io::Error::last_os_error()
    );
    let descriptor = i32::try_from(descriptor).expect("a descriptor");
    // SAFETY: the kernel just gave this descriptor to us alone.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let fields = std::fs::read_to_string(format!(
        "/proc/self/fdinfo/{}",
        std::os::fd::AsRawFd::as_raw_fd(&descriptor)
    ));
    let fields = fields.expect("read the program's id");
    let id = fields.lines().find_map(|l| l.strip_prefix("prog_id:"));
    let id = id
        .and_then(|id| id.trim().parse().ok())
        .expect("the program's id");
    let program = SchedClassifier::from_program_info(info(id), "bystander".into());
    (id, program.expect("take the bystander over"))
}
