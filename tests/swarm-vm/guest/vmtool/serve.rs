//! What the Swarm's services run: servers that answer with the name of their task.
//!
//! A task answers `SERVICE.SLOT NODE HOSTNAME`, from the `TASK` and `NODE`
//! variables its service sets and its own host name.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

fn identity() -> String {
    let variable = |name| std::env::var(name).unwrap_or_else(|_| "-".to_owned());
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!(
        "{} {} {}",
        variable("TASK"),
        variable("NODE"),
        hostname.trim()
    )
}

/// HTTP with keep-alive. `/bytes/N` answers with N bytes (for MTU trouble) and
/// `/sleep/MS` waits before it answers (for slow applications).
pub fn http(port: &str) -> io::Result<()> {
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    let who = identity();
    loop {
        let Ok((stream, _)) = listener.accept() else {
            continue;
        };
        let who = who.clone();
        let spawned = thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            let _ = converse(stream, &who);
        });
        if let Err(error) = spawned {
            eprintln!("http: {error}");
        }
    }
}

fn converse(stream: TcpStream, who: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answer = stream.try_clone()?;
    let mut lines = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if lines.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut keep = request.trim_end().ends_with("HTTP/1.1");
        loop {
            let mut header = String::new();
            if lines.read_line(&mut header)? == 0 || header.trim_end().is_empty() {
                break;
            }
            if header.to_ascii_lowercase().starts_with("connection: close") {
                keep = false;
            }
        }
        let path = request.split_whitespace().nth(1).unwrap_or("/");
        let number = |prefix: &str| {
            path.strip_prefix(prefix)
                .and_then(|n| n.parse::<u64>().ok())
        };
        let mut body = format!("{who}\n").into_bytes();
        if let Some(milliseconds) = number("/sleep/") {
            thread::sleep(Duration::from_millis(milliseconds));
        } else if let Some(length) = number("/bytes/") {
            body = vec![b'x'; length.min(64 << 20) as usize];
        }
        let mut response = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: {}\r\n\r\n",
            body.len(),
            if keep { "keep-alive" } else { "close" }
        )
        .into_bytes();
        response.append(&mut body);
        answer.write_all(&response)?;
        if !keep {
            return Ok(());
        }
    }
}

/// Answers every datagram with who we are, a blank and the datagram.
pub fn udp_echo(port: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(format!("0.0.0.0:{port}"))?;
    let mut answer = identity().into_bytes();
    answer.push(b' ');
    let head = answer.len();
    let mut datagram = vec![0; 65_536];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut datagram) else {
            continue;
        };
        answer.truncate(head);
        answer.extend_from_slice(&datagram[..length]);
        let _ = socket.send_to(&answer, from);
    }
}
