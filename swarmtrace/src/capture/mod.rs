//! Capture: the kernel side loaded, attached wherever packets are to be seen,
//! and its events read.
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
//! Besides packets at taps, the kernel's own word on dropped packets and on the
//! resets it sends can be had, from every namespace at once: see
//! [`Capture::watch_fate`].
//!
//! Nothing is left behind: tcx links end with the process, and what outlives it
//! on kernels without tcx is written down beforehand and removed by the next
//! start or by [`cleanup`].

mod attach;
pub mod btf;
mod cleanup;
mod clock;
mod error;
mod event;
mod fate;
mod inventory;
mod journal;
mod loader;
mod log;
mod programs;
mod reader;
mod rights;
mod site;
mod tc;
mod tcx;

pub use attach::TCX_MOST;
pub use cleanup::{Cleanup, cleanup};
pub use clock::realtime_offset;
pub use error::{Error, MINIMUM_KERNEL, kernel_release};
pub use event::Event;
pub use inventory::LoadedProgram;
pub use journal::RUN_DIR;
pub use loader::{BPF_TOOLCHAIN, Capture, Counters, LoadOptions, object};
pub use reader::{BATCH, Events, POLL, Reader};
pub use rights::missing_rights;
pub use site::{AttachMode, Changes, TapId, TapSite};
pub use tcx::has_tcx;

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
