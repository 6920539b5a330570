//! The one program of ours inside the test VM: the agent that runs commands
//! for the host, the servers behind the Swarm's services, and small clients
//! that start faster under emulation than curl does.
//!
//! It is compiled with nothing but `rustc` and std while the VM's image is
//! built, statically, so that it runs in the VM and in an empty container.

mod agent;
mod ask;
mod client;
mod serve;
mod wire;

use std::process::ExitCode;

const USAGE: &str = "usage:
  vmtool agent PORT                       run commands for the host
  vmtool http PORT                        answer every request with who we are
  vmtool udp-echo PORT                    answer every datagram with who we are and the datagram
  vmtool get HOST PORT [PATH [SECONDS]]   one HTTP request
  vmtool udp-send HOST PORT TEXT [SECONDS] one datagram, print the answer
  vmtool ask tcp|udp HOST PORT N|SECONDSs  one request after the other, each a flow of its own
  vmtool await SECONDS HOST:PORT...       until every one answers HTTP
  vmtool api SOCKET METHOD PATH [TYPE]    one request to dockerd, body from stdin
  vmtool clock SECONDS.NANOSECONDS        set the real-time clock";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["agent", port] => agent::run(port),
        ["http", port] => serve::http(port),
        ["udp-echo", port] => serve::udp_echo(port),
        ["get", host, port] => client::get(host, port, "/", "5"),
        ["get", host, port, path] => client::get(host, port, path, "5"),
        ["get", host, port, path, seconds] => client::get(host, port, path, seconds),
        ["udp-send", host, port, text] => client::udp_send(host, port, text, "3"),
        ["udp-send", host, port, text, seconds] => client::udp_send(host, port, text, seconds),
        ["ask", protocol, host, port, how_much] => ask::run(protocol, host, port, how_much),
        ["await", seconds, targets @ ..] => client::await_all(seconds, targets),
        ["api", socket, method, path] => client::api(socket, method, path, "application/json"),
        ["api", socket, method, path, kind] => client::api(socket, method, path, kind),
        ["clock", time] => client::set_clock(time),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vmtool: {error}");
            ExitCode::FAILURE
        }
    }
}
