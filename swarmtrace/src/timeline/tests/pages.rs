//! Timelines as people see them, against the pages in `tests/expected`.
//! `SWARMTRACE_BLESS=1 cargo test` writes them anew.

use super::{flows, told_by};
use crate::output::latency;
use crate::output::style::plain;
use crate::output::timeline::text::{Options, render};
use crate::synthetic::{At, Connection, Ending, Route, topology};
use crate::sys::clock::Nanos;
use crate::timeline::join::join;
use crate::timeline::{Histograms, Timeline};
use std::path::Path;

fn page(timeline: &Timeline, options: &Options) -> String {
    plain(&render(timeline, options))
}

fn expect(name: &str, text: &str) {
    let text = plain(text);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/expected/timeline")
        .join(format!("{name}.txt"));
    if std::env::var_os("SWARMTRACE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{} differs:\n{text}", path.display());
}

fn one_node(name: &str, connection: &Connection, at: At) {
    let mut text = String::new();
    for timeline in told_by(at, &connection.events(), 0) {
        text += &page(&timeline, &Options::default());
    }
    expect(name, &text);
}

#[test]
fn mesh_local() {
    one_node(
        "mesh-local",
        &Connection::new(Route::MeshLocal, Ending::Closed, 5),
        At::A,
    );
}

#[test]
fn mesh_remote_on_either_node() {
    let connection = Connection::new(Route::MeshRemote, Ending::Open, 5);
    one_node("mesh-remote-a", &connection, At::A);
    one_node("mesh-remote-b", &connection, At::B);
}

#[test]
fn refused() {
    one_node(
        "refused",
        &Connection::new(Route::MeshLocal, Ending::Refused, 5),
        At::A,
    );
}

#[test]
fn unanswered() {
    one_node(
        "unanswered",
        &Connection::new(Route::MeshRemote, Ending::Unanswered, 5),
        At::A,
    );
}

#[test]
fn virtual_address() {
    one_node(
        "virtual-address",
        &Connection::new(Route::VipLocal, Ending::Open, 5),
        At::A,
    );
}

#[test]
fn host_mode() {
    one_node(
        "host-mode",
        &Connection::new(Route::HostMode, Ending::Reset, 5),
        At::A,
    );
}

#[test]
fn from_the_node_itself() {
    one_node(
        "host-local",
        &Connection::new(Route::HostLocal, Ending::Idle, 5),
        At::A,
    );
}

#[test]
fn udp() {
    let mut connection = Connection::new(Route::VipRemote, Ending::Open, 5);
    connection.udp = true;
    one_node("udp", &connection, At::A);
}

#[test]
fn joined() {
    let events = Connection::new(Route::MeshRemote, Ending::Closed, 5).events();
    let parts = [
        told_by(At::A, &events, 0),
        told_by(At::B, &events, 1_234_567_890),
    ]
    .concat();
    let joined = join(parts);
    expect("joined", &page(&joined.timelines[0], &Options::default()));
}

#[test]
fn without_reply_and_in_full() {
    let events = Connection::new(Route::HostMode, Ending::Closed, 5).events();
    let timeline = flows(&events)[0].timeline(&topology(At::A), Nanos::ZERO);
    let short = Options {
        reply: false,
        ..Options::default()
    };
    expect("no-reply", &page(&timeline, &short));
    let full = Options {
        all_packets: true,
        ..Options::default()
    };
    expect("all-packets", &page(&timeline, &full));
}

#[test]
fn latencies() {
    let mut histograms = Histograms::new();
    for seed in 0..200 {
        let route = if seed % 2 == 0 {
            Route::MeshLocal
        } else {
            Route::MeshRemote
        };
        let connection = Connection::new(route, Ending::Open, seed);
        for timeline in told_by(At::A, &connection.events(), 0) {
            histograms.add(&timeline);
        }
    }
    expect("latencies", &latency::text::render(&histograms.latencies()));
}
