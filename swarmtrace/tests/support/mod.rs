//! What the kernel tests share. They load programs and make namespaces, so they
//! need root and a kernel with BTF; without, they fail and say so.
#![allow(dead_code, missing_docs, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy only knows functions marked as tests"
)]

pub mod frames;
pub mod nets;
pub mod taps;

use aya::programs::TestRunOptions;
use swarmtrace::capture::{Capture, Event, Events, LoadOptions};
use swarmtrace_common::{Mode, PacketEvent, Settings};

/// Every packet is reported.
pub fn everything() -> Settings {
    Settings {
        vxlan_port: 4789,
        mode: Mode::AllPackets,
        match_any: 1,
        ..Settings::default()
    }
}

/// The programs without a network: frames go in, events come out.
pub struct Bench {
    pub capture: Capture,
    events: Events,
}

impl Bench {
    pub fn new(settings: Settings) -> Self {
        let folder = std::env::temp_dir().join(format!("swarmtrace-test-{}", std::process::id()));
        let options = LoadOptions {
            ring_bytes: 1 << 20,
            settings,
            run_dir: folder,
            ..LoadOptions::default()
        };
        let mut capture = Capture::load(&options)
            .unwrap_or_else(|error| panic!("kernel tests need root and BTF: {error}"));
        let events = capture.events().unwrap();
        Self { capture, events }
    }

    /// Runs a program over a frame. `None`: not reported.
    pub fn run(&mut self, program: &'static str, frame: &[u8]) -> Option<PacketEvent> {
        let options = TestRunOptions {
            data_in: Some(frame),
            ..TestRunOptions::default()
        };
        let result = match self.capture.test_run(program, options) {
            Ok(result) => result,
            // The kernel takes no frame shorter than its own IP header.
            Err(_) if frame.len() < 54 => return None,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(result.return_value, u32::MAX, "TC_ACT_UNSPEC, always");
        let mut events = Vec::new();
        self.events.drain(&mut events);
        assert!(events.len() <= 1, "one packet, one event");
        assert_eq!(self.events.ignored(), 0);
        events.pop().and_then(|event| event.packet().copied())
    }

    /// Takes what is in the ring buffer.
    pub fn drain(&mut self, into: &mut Vec<Event>) -> usize {
        self.events.drain(into)
    }

    /// Runs the ingress program.
    pub fn input(&mut self, frame: &[u8]) -> Option<PacketEvent> {
        self.run("swarmtrace_in", frame)
    }
}
