//! Capture: loads the kernel side, attaches it wherever packets are to be seen, and
//! reads its events.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use swarmtrace::capture::{Capture, LoadOptions, POLL};
//! let mut capture = Capture::load(&LoadOptions::default())?;
//! let mut reader = capture.events().ok_or("taken")?.into_reader(POLL)?;
//! let changes = capture.reconcile(&[/* tap sites */])?;
//! for (site, reason) in &changes.failed {
//!     eprintln!("not tapped: {}: {reason}", site.device);
//! }
//! capture.watch_fate();
//! let mut events = Vec::new();
//! reader.next(&mut events).await?;
//! println!("{} lost", capture.counters()?.lost());
//! capture.detach_all()?;
//! # Ok(())
//! # }
//! ```
//!
//! Besides packets at taps, the kernel side reports dropped packets and the resets
//! that the kernel sends, in every namespace at once: see [`Capture::watch_fate`].
//!
//! Nothing is left behind: tcx links end with the process, and filters, which outlive
//! it on kernels without tcx, are journaled beforehand and removed by the next start or
//! by [`cleanup()`].

mod attach;
pub mod btf;
mod cleanup;
mod counters;
mod error;
mod event;
mod fate_types;
mod filter;
mod inventory;
mod journal;
mod kernel_types;
mod loader;
mod log;
mod programs;
mod reader;
mod tap;
mod tc;

pub use attach::TCX_MOST;
pub use attach::tcx::has_tcx;
pub use cleanup::{Cleanup, cleanup};
pub use counters::Counters;
pub use error::{Error, MINIMUM_KERNEL};
pub use event::Event;
pub use inventory::LoadedProgram;
pub use journal::RUN_DIR;
pub use kernel_types::KernelTypes;
pub use loader::{BPF_TOOLCHAIN, Capture, LoadOptions, object};
pub use reader::{BATCH, Events, POLL, Reader};
pub use tap::{AttachMode, Changes};

#[cfg(test)]
mod tests {
    /// Commands move these between the tasks of an async runtime.
    #[test]
    fn captures_and_readers_may_change_threads() {
        fn check<T: Send>() {}
        check::<super::Capture>();
        check::<super::Events>();
        check::<super::Reader>();
    }
}
