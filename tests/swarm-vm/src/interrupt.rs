//! Ctrl-C while a VM is being built or restored must not leave a QEMU behind:
//! it runs in the background and would never hear of it.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use anyhow::{Context, Result};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// The VMs that are under construction; 0 is none.
static UNFINISHED: [AtomicI32; 4] = [const { AtomicI32::new(0) }; 4];

/// Whether a signal arrived that asks a program which only records it to end.
static RECORDED: AtomicBool = AtomicBool::new(false);

/// Ends unfinished VMs when a signal ends this program. For programs only: a
/// library must not take the signals of whoever uses it.
///
/// # Errors
/// Errors if the system refuses.
pub fn install() -> Result<()> {
    handle(end)
}

/// Records that a signal asks this program to end, which it does by itself when it
/// next asks [`recorded`]. For programs only, as [`install`].
///
/// # Errors
/// Errors if the system refuses.
pub fn record() -> Result<()> {
    handle(record_signal)
}

/// Whether a signal has arrived since [`record`].
pub fn recorded() -> bool {
    RECORDED.load(Ordering::SeqCst)
}

fn handle(handler: extern "C" fn(libc::c_int)) -> Result<()> {
    let action = SigAction::new(
        SigHandler::Handler(handler),
        SaFlags::empty(),
        SigSet::all(),
    );
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handlers only call kill(2) and _exit(2) and use atomics, all
        // of which a signal handler may.
        unsafe { sigaction(signal, &action) }.context("cannot handle signals")?;
    }
    Ok(())
}

extern "C" fn record_signal(_: libc::c_int) {
    RECORDED.store(true, Ordering::SeqCst);
}

extern "C" fn end(signal: libc::c_int) {
    for slot in &UNFINISHED {
        let pid = slot.load(Ordering::SeqCst);
        if pid > 0 {
            // SAFETY: kill(2) takes two integers.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
    }
    // SAFETY: _exit(2) does not return and runs nothing of ours.
    unsafe { libc::_exit(128 + signal) }
}

/// This VM is under construction.
pub fn unfinished(pid: i32) {
    for slot in &UNFINISHED {
        if slot
            .compare_exchange(0, pid, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
        {
            return;
        }
    }
}

/// This VM is finished, or over.
pub fn finished(pid: i32) {
    for slot in &UNFINISHED {
        let _ = slot.compare_exchange(pid, 0, Ordering::SeqCst, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_vm_is_forgotten() {
        unfinished(4711);
        assert!(
            UNFINISHED
                .iter()
                .any(|slot| slot.load(Ordering::SeqCst) == 4711)
        );
        finished(4711);
        assert!(
            UNFINISHED
                .iter()
                .all(|slot| slot.load(Ordering::SeqCst) != 4711)
        );
    }
}
