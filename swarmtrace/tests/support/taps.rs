//! Captures with taps.

use std::path::Path;
use std::time::Duration;
use swarmtrace::capture::{AttachMode, Capture, Event, LoadOptions};
use swarmtrace::topology::taps::TapSite;
use swarmtrace_common::{PacketEvent, Settings};

pub const BOTH: [AttachMode; 2] = [AttachMode::Tcx, AttachMode::Clsact];

pub fn load(attach: AttachMode, run_dir: &Path, settings: Settings) -> Capture {
    Capture::load(&LoadOptions {
        ring_bytes: 1 << 20,
        settings,
        attach,
        run_dir: run_dir.to_owned(),
        ..LoadOptions::default()
    })
    .unwrap_or_else(|error| panic!("kernel tests need root and BTF: {error}"))
}

pub fn attach(capture: &mut Capture, sites: &[TapSite]) {
    let changes = capture.reconcile(sites).unwrap();
    assert_eq!(changes.failed, [], "{changes:?}");
    assert_eq!(capture.attached().count(), sites.len());
}

pub fn drain(capture: &mut Capture) -> Vec<PacketEvent> {
    // What a test has done is in the ring buffer when it returns, but for the
    // last acknowledgments of a closed connection.
    std::thread::sleep(Duration::from_millis(100));
    let mut events = Vec::new();
    capture.events().unwrap().drain(&mut events);
    events.iter().filter_map(Event::packet).copied().collect()
}
