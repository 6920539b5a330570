//! What tapping costs: nanoseconds a packet (`BPF_PROG_TEST_RUN`) and a dropped
//! packet (the kernel's own run-time statistics, real drops), start-up, and the
//! time to attach and detach many taps. Needs root.
//!
//! `cargo run --release -p benches --bin bench_kernel [-- --json]`

use aya::programs::{ProgramInfo, TestRunOptions, loaded_programs};
use aya::sys::{Stats, enable_stats};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::error::Error;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::time::Instant;
use swarmtrace::capture::{AttachMode, Capture, Events, LoadOptions};
use swarmtrace::topology::DeviceRef;
use swarmtrace::topology::taps::TapSite;
use swarmtrace_common::{Endpoint, Mode, PortSet, Settings};
use swarmtrace_programs as programs;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Devices in each namespace that is tapped.
const DEVICES: u32 = 10;
/// Runs of a program in one measurement; fewer for those that fill the ring.
const REPEAT: u32 = 1_000_000;
const REPEAT_REPORTED: u32 = 50_000;
const ROUNDS: usize = 15;
/// Datagrams that are dropped in one measurement.
const DATAGRAMS: u32 = 50_000;

fn main() -> Result<()> {
    let json = std::env::args().any(|argument| argument == "--json");
    let mut results = Map::new();
    packets(&mut results)?;
    drops(&mut results)?;
    for (mode, name, namespaces) in [
        (AttachMode::Auto, "auto", 20),
        (AttachMode::Clsact, "clsact", 20),
        (AttachMode::Auto, "auto", 2),
        (AttachMode::Tcx, "tcx", 2),
    ] {
        attaching(mode, name, namespaces, &mut results)?;
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&Value::Object(results))?);
    } else {
        for (name, value) in results {
            println!("{name:44} {value}");
        }
    }
    Ok(())
}

/// The best of several measurements, in nanoseconds a packet.
fn measure(
    capture: &mut Capture,
    events: &mut Events,
    program: &'static str,
    frame: &[u8],
    repeat: u32,
) -> Result<u64> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let options = TestRunOptions {
            data_in: Some(frame),
            repeat,
            ..TestRunOptions::default()
        };
        let result = capture.test_run(program, options)?;
        rounds.push(u64::try_from(result.duration.as_nanos())?);
        let mut drained = Vec::new();
        while events.drain(&mut drained) > 0 {
            drained.clear();
        }
    }
    rounds.sort_unstable();
    Ok(rounds[0])
}

fn packets(results: &mut Map<String, Value>) -> Result<()> {
    let begin = Instant::now();
    let settings = Settings {
        vxlan_port: 4789,
        ..Settings::default()
    };
    let mut capture = Capture::load(&LoadOptions {
        ring_bytes: 32 << 20,
        settings,
        ..LoadOptions::default()
    })?;
    results.insert(
        String::from("load_ms"),
        json!(begin.elapsed().as_secs_f64() * 1000.0),
    );
    let mut events = capture.events().ok_or("taken")?;
    capture.set_ports(&PortSet::from_iter([80]))?;
    let service = Endpoint::new(IpAddr::from([10, 0, 0, 6]), 80, 6);
    capture.set_endpoints(&BTreeSet::from([service]))?;

    let syn = frame([10, 0, 0, 6], 80, 0x02);
    let ack = frame([10, 0, 0, 6], 80, 0x10);
    let cases = [
        ("empty_program", "swarmtrace_nop", syn.clone(), false),
        (
            "rejected_port",
            "swarmtrace_in",
            frame([10, 0, 0, 6], 443, 0x02),
            false,
        ),
        ("rejected_acknowledgment", "swarmtrace_in", ack, false),
        (
            "rejected_address",
            "swarmtrace_in",
            frame([10, 0, 0, 7], 80, 0x02),
            false,
        ),
        (
            "rejected_vxlan",
            "swarmtrace_out",
            vxlan(&frame([10, 0, 0, 6], 443, 0x02)),
            false,
        ),
        ("reported_syn", "swarmtrace_in", syn.clone(), true),
        ("reported_vxlan_syn", "swarmtrace_out", vxlan(&syn), true),
    ];
    for (name, program, frame, reported) in cases {
        let repeat = if reported { REPEAT_REPORTED } else { REPEAT };
        let before = capture.counters()?.reported();
        let nanoseconds = measure(&mut capture, &mut events, program, &frame, repeat)?;
        let counters = capture.counters()?;
        if (counters.reported() > before) != reported || counters.lost() > 0 {
            return Err(format!("{name}: not what it should be: {counters:?}").into());
        }
        results.insert(format!("{name}_ns"), json!(nanoseconds));
    }
    capture.set_settings(Settings {
        mode: Mode::AllPackets,
        ..settings
    })?;
    let data = frame([10, 0, 0, 6], 80, 0x18);
    let nanoseconds = measure(
        &mut capture,
        &mut events,
        "swarmtrace_in",
        &data,
        REPEAT_REPORTED,
    )?;
    results.insert(String::from("reported_all_packets_ns"), json!(nanoseconds));
    capture.set_settings(Settings {
        mode: Mode::Handshakes,
        match_any: 1,
        ..settings
    })?;
    let before = capture.counters()?.reported();
    for (name, program, frame) in [
        ("rejected_handshakes_data", "swarmtrace_in", data.clone()),
        (
            "rejected_handshakes_vxlan_data",
            "swarmtrace_out",
            vxlan(&data),
        ),
    ] {
        let nanoseconds = measure(&mut capture, &mut events, program, &frame, REPEAT)?;
        results.insert(format!("{name}_ns"), json!(nanoseconds));
    }
    if capture.counters()?.reported() > before {
        return Err("data was reported as a handshake".into());
    }
    Ok(())
}

/// What a dropped packet costs, by whether it is one that the filter selects.
fn drops(results: &mut Map<String, Value>) -> Result<()> {
    let mut capture = Capture::load(&LoadOptions {
        ring_bytes: 32 << 20,
        ..LoadOptions::default()
    })?;
    capture.set_ports(&PortSet::from_iter([80]))?;
    let service = Endpoint::new(IpAddr::from([0, 0, 0, 0]), 80, 17);
    capture.set_endpoints(&BTreeSet::from([service]))?;
    let begin = Instant::now();
    let unseen = capture.watch_fate();
    results.insert(
        String::from("watch_fate_ms"),
        json!(begin.elapsed().as_secs_f64() * 1000.0),
    );
    if let Some(line) = unseen.iter().find(|line| line.contains("not seen")) {
        return Err(line.clone().into());
    }
    let _statistics = enable_stats(Stats::RunTime)?;
    let mut events = capture.events().ok_or("taken")?;
    for (name, port, tracked) in [
        ("dropped_unselected", 443, false),
        ("dropped_unselected_tracked", 443, true),
        ("dropped_selected", 80, false),
    ] {
        let net = Net::new(1000)?;
        net.batch("link set lo up\n")?;
        net.drop_datagrams(tracked)?;
        let before = drop_program()?;
        net.send_datagrams(port)?;
        let after = drop_program()?;
        let runs = after.run_count() - before.run_count();
        if runs < u64::from(DATAGRAMS) {
            return Err(format!("{name}: only {runs} packets were dropped").into());
        }
        let time = after.run_time().saturating_sub(before.run_time());
        let nanoseconds = u64::try_from(time.as_nanos())? / runs;
        results.insert(format!("{name}_ns"), json!(nanoseconds));
        let mut drained = Vec::new();
        while events.drain(&mut drained) > 0 {}
        let expected = if port == 80 { DATAGRAMS as usize } else { 0 };
        if drained.len() != expected {
            return Err(format!("{name}: {} events", drained.len()).into());
        }
    }
    Ok(())
}

/// The kernel's account of the program on drops: the one that was loaded last.
fn drop_program() -> Result<ProgramInfo> {
    let programs = loaded_programs().filter_map(std::result::Result::ok);
    let named = programs.filter(|program| program.name() == b"swarmtrace_drop");
    Ok(named.max_by_key(ProgramInfo::id).ok_or("not loaded")?)
}

fn attaching(
    mode: AttachMode,
    name: &str,
    namespaces: u32,
    results: &mut Map<String, Value>,
) -> Result<()> {
    let mut nets = Vec::new();
    let mut sites = Vec::new();
    for number in 0..namespaces {
        let net = Net::new(number)?;
        let commands: String = (0..DEVICES / 2)
            .map(|pair| format!("link add a{pair} type veth peer name b{pair}\n"))
            .collect();
        net.batch(&commands)?;
        let inode = std::fs::metadata(net.path())?.ino();
        sites.extend((0..DEVICES).map(|device| TapSite {
            at: DeviceRef {
                namespace: u32::try_from(inode).expect("a namespace's inode has 32 bits"),
                // The loopback device is the first.
                ifindex: device + 2,
            },
            netns_path: net.path().into(),
            device: format!("device {}", device + 2),
            has_ethernet: true,
        }));
        nets.push(net);
    }
    let mut capture = Capture::load(&LoadOptions {
        attach: mode,
        ..LoadOptions::default()
    })?;
    let mut time = |what: &str, task: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        let begin = Instant::now();
        task()?;
        let milliseconds = begin.elapsed().as_secs_f64() * 1000.0;
        let taps = namespaces * DEVICES;
        results.insert(
            format!("{what}_{taps}_devices_{name}_ms"),
            json!(milliseconds),
        );
        Ok(())
    };
    time("attach", &mut || {
        let changes = capture.reconcile(&sites)?;
        match changes.failed.first() {
            Some((site, reason)) => Err(format!("{}: {reason}", site.device).into()),
            None => Ok(()),
        }
    })?;
    time("reconcile", &mut || {
        capture.reconcile(&sites)?;
        Ok(())
    })?;
    time("detach", &mut || Ok(capture.detach_all()?))?;
    Ok(())
}

/// A namespace that is gone with the value.
struct Net(String);

impl Net {
    fn new(number: u32) -> Result<Self> {
        let name = format!("swb{}-{number}", std::process::id());
        let made = programs::command("ip")?
            .args(["netns", "add", &name])
            .status()?;
        if made.success() {
            Ok(Self(name))
        } else {
            Err("`ip netns add` failed (run as root)".into())
        }
    }

    fn path(&self) -> String {
        format!("/run/netns/{}", self.0)
    }

    /// Drops every datagram; `tracked`: conntrack knows it then.
    fn drop_datagrams(&self, tracked: bool) -> Result<()> {
        let rule = if tracked {
            "-A INPUT -p udp -m conntrack --ctstate NEW,ESTABLISHED -j DROP"
        } else {
            "-A INPUT -p udp -j DROP"
        };
        let done = programs::command("ip")?
            .args(["netns", "exec", &self.0, "iptables", "-w"])
            .args(rule.split(' '))
            .status()?;
        if done.success() {
            Ok(())
        } else {
            Err("`iptables` failed".into())
        }
    }

    fn send_datagrams(&self, port: u16) -> Result<()> {
        let namespace = std::fs::File::open(self.path())?;
        let sender = std::thread::spawn(move || -> std::io::Result<()> {
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET)?;
            let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
            for _ in 0..DATAGRAMS {
                socket.send_to(b"hello", ("127.0.0.1", port))?;
            }
            Ok(())
        });
        Ok(sender.join().map_err(|_| "the sender panicked")??)
    }

    fn batch(&self, commands: &str) -> Result<()> {
        use std::io::Write as _;
        let mut child = programs::command("ip")?
            .args(["-n", &self.0, "-batch", "-"])
            .stdin(std::process::Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take().ok_or("no standard input")?;
        input.write_all(commands.as_bytes())?;
        drop(input);
        if child.wait()?.success() {
            Ok(())
        } else {
            Err("`ip -batch` failed".into())
        }
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = programs::required("ip")
            .args(["netns", "del", &self.0])
            .status();
    }
}

/// An Ethernet frame with a TCP segment of five bytes, or none in a SYN.
fn frame(server: [u8; 4], port: u16, flags: u8) -> Vec<u8> {
    let data: &[u8] = if flags & 0x08 == 0 { b"" } else { b"hello" };
    let options = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let total = 20 + 20 + options.len() + data.len();
    bytes.extend([0x45, 0, 0, u8::try_from(total).unwrap_or(0), 0, 1, 0x40, 0]);
    bytes.extend([64, 6, 0, 0, 192, 0, 2, 10]);
    bytes.extend(server);
    bytes.extend(51_544_u16.to_be_bytes());
    bytes.extend(port.to_be_bytes());
    bytes.extend([0, 0, 3, 232, 0, 0, 0, 0, 0x80, flags, 255, 255, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.extend(data);
    bytes
}

/// The frame in a VXLAN datagram between two nodes.
fn vxlan(inner: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 4, 8, 0];
    let total = u8::try_from(20 + 8 + 8 + inner.len()).unwrap_or(0);
    bytes.extend([0x45, 0, 0, total, 0, 1, 0, 0, 64, 17, 0, 0]);
    bytes.extend([192, 168, 50, 1, 192, 168, 50, 2]);
    bytes.extend(40_000_u16.to_be_bytes());
    bytes.extend(4789_u16.to_be_bytes());
    bytes.extend([0, total - 20, 0, 0]);
    bytes.extend([8, 0, 0, 0, 0, 16, 0, 0]);
    bytes.extend(inner);
    bytes
}
