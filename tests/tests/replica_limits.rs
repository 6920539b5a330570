//! Figures that do not vary between runs: instructions of the kernel side and how many
//! of them a packet costs, events a connection, bytes an event. They are compared with
//! `tests/limits.json`, so that a change which slows down every user's node fails
//! here.
//!
//! `SWARMTRACE_ACCEPT_LIMITS=1` writes the file anew instead (`cargo xtask limits
//! --accept`). Times vary: `cargo xtask bench --compare` measures them.

use bed::program::Running;
use bed::traffic::many;
use bpf_meter::CASES;
use needs::needs;
use replica::plan::VOTE;
use replica::trace::LIMIT;
use replica::{Replica, Side};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/limits.json");
const ACCEPT: &str = "SWARMTRACE_ACCEPT_LIMITS";
/// Tolerated growth: kernels differ in how they store a program.
const TOLERANCE_PERCENT: f64 = 10.0;
const CONNECTIONS: usize = 40;
/// Instructions that a packet which is not wanted may cost: nearly all packets of a
/// busy node are such, and none of its users gains anything by them.
const MOST_FOR_REJECTED: u64 = 400;
/// Those that cost more, and what they cost: the full parser has to look at both of
/// the datagram's packets before it can look up the addresses.
const KNOWN_TO_COST_MORE: [(&str, u64); 1] = [("rejected by address in VXLAN", 619)];

type Figures = BTreeMap<String, f64>;

#[test]
fn no_figure_exceeds_its_limit() {
    needs!(Root, Btf);
    let mut measured = programs();
    measured.extend(executed());
    let commands = [
        ("follow", &["follow", "--port", "8080"][..]),
        (
            "follow --all-packets",
            &["follow", "--port", "8080", "--all-packets"],
        ),
        ("rst", &["rst"]),
    ];
    for (name, command) in commands {
        measured.insert(format!("{name}: events a connection"), events(command));
    }
    let size = |bytes: usize| bytes as f64;
    let packet = size_of::<swarmtrace_common::PacketEvent>();
    let fate = size_of::<swarmtrace_common::FateEvent>();
    measured.insert("event of a packet: bytes".to_owned(), size(packet));
    measured.insert("event of a drop or reset: bytes".to_owned(), size(fate));
    if std::env::var_os(ACCEPT).is_some() {
        accept(&measured);
    }
    let grown = compare(&measured, &accepted());
    assert!(
        grown.is_empty(),
        "{}\nif that is meant to be: cargo xtask limits --accept",
        grown.join("\n")
    );
}

/// Instructions of each program of the kernel side, as the running kernel keeps it.
fn programs() -> Figures {
    let replica = Replica::start();
    let features = replica.node(Side::A).swarmtrace(["features", "-o", "json"]);
    let ended = features.wait(LIMIT);
    let report: Value = serde_json::from_str(&ended.expect_code(0).stdout).expect("JSON");
    let programs = report["programs"].as_array().expect("programs");
    let figure = |program: &Value| {
        let name = program["name"].as_str()?;
        let instructions = program["instructions"].as_f64()?;
        Some((format!("{name}: instructions"), instructions))
    };
    let figures: Figures = programs.iter().filter_map(figure).collect();
    assert_eq!(figures.len(), programs.len(), "{report:#}");
    figures
}

/// Instructions that the kernel side executes for a packet, the helpers' not counted.
fn executed() -> Figures {
    let figure = |instructions: u64| instructions as f64;
    (CASES.iter())
        .map(|case| {
            let name = format!("{}: instructions executed", case.name);
            (name, figure(case.run().instructions))
        })
        .collect()
}

/// Events of both nodes, a connection through the mesh: half of them end on the
/// node that they came to, half on the other.
fn events(command: &[&str]) -> f64 {
    let replica = Replica::start();
    let running = Side::BOTH.map(|side| {
        let arguments = [command, &["--output", "json"]].concat();
        let mut running = replica.node(side).swarmtrace(arguments);
        running.wait_for(LIMIT, "to say that it traces", |_, err| {
            err.contains("tracing")
        });
        running
    });
    let mesh: SocketAddr = (Side::A.front(), VOTE.published).into();
    assert_eq!(many(replica.client(), mesh, CONNECTIONS, 1), CONNECTIONS);
    // The last one's end.
    std::thread::sleep(Duration::from_millis(500));
    running.map(reported).iter().sum::<f64>() / CONNECTIONS as f64
}

fn reported(running: Running) -> f64 {
    let ended = running.interrupt(LIMIT);
    let last = ended
        .expect_code(0)
        .stdout
        .lines()
        .last()
        .map(str::to_owned);
    let summary: Value = serde_json::from_str(&last.unwrap_or_default()).expect("figures");
    assert_eq!(summary["lost"], 0, "{summary:#}");
    summary["events"].as_f64().expect("a count")
}

fn accepted() -> Figures {
    let text = std::fs::read_to_string(FILE).expect("tests/limits.json");
    serde_json::from_str(&text).expect("figures by name")
}

fn accept(measured: &Figures) {
    let text = format!("{:#}\n", json!(measured));
    std::fs::write(FILE, text).expect("write tests/limits.json");
}

/// Prints both beside each other, whatever the outcome; what grew or is new.
fn compare(measured: &Figures, accepted: &Figures) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut table = format!("{:52} {:>9} {:>9}\n", "", "now", "accepted");
    for (name, now) in measured {
        let Some(limit) = accepted.get(name) else {
            wrong.push(format!(
                "{name}: {now}, which tests/limits.json does not know"
            ));
            continue;
        };
        table += &format!("{name:52} {now:>9} {limit:>9}\n");
        if *now > limit * (1.0 + TOLERANCE_PERCENT / 100.0) {
            wrong.push(format!("{name}: {now}, more than the accepted {limit}"));
        }
    }
    let gone = accepted.keys().filter(|name| !measured.contains_key(*name));
    wrong.extend(gone.map(|name| format!("{name} was not measured")));
    // To the terminal itself: the test harness keeps what is printed.
    let _ = std::io::stderr().write_all(table.as_bytes());
    wrong
}

#[test]
fn rejected_packets_stay_below_the_instruction_limit() {
    let rejected = CASES.iter().filter(|case| !case.reported);
    let too_many: BTreeMap<_, _> = rejected
        .map(|case| (case.name, case.run().instructions))
        .filter(|(_, instructions)| *instructions > MOST_FOR_REJECTED)
        .collect();
    let names: Vec<_> = too_many.keys().copied().collect();
    // One that has become cheap is no exception any more.
    assert_eq!(
        names,
        KNOWN_TO_COST_MORE.map(|(name, _)| name),
        "{too_many:?}"
    );
    for (name, known) in KNOWN_TO_COST_MORE {
        let most = known as f64 * (1.0 + TOLERANCE_PERCENT / 100.0);
        assert!(too_many[name] as f64 <= most, "{name}: {too_many:?}");
    }
}

#[test]
fn a_figure_over_its_limit_is_named() {
    let of = |pairs: &[(&str, f64)]| -> Figures {
        (pairs.iter()).map(|(n, v)| ((*n).to_owned(), *v)).collect()
    };
    let accepted = of(&[("a", 100.0), ("b", 100.0), ("gone", 1.0)]);
    let measured = of(&[("a", 109.0), ("b", 111.0), ("new", 1.0)]);
    let wrong = compare(&measured, &accepted);
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    assert!(wrong[0].starts_with("b: 111"), "{wrong:?}");
}
