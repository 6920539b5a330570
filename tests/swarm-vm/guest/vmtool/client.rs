//! Small clients: an HTTP request, a datagram, dockerd's API over its socket,
//! and setting the clock of a restored VM.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

pub fn bad(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

pub fn seconds(text: &str) -> io::Result<Duration> {
    let value: f64 = text
        .parse()
        .map_err(|_| bad(format!("{text}: not a number of seconds")))?;
    Duration::try_from_secs_f64(value).map_err(|error| bad(error.to_string()))
}

pub fn resolve(host_port: &str) -> io::Result<SocketAddr> {
    let mut addresses = host_port.to_socket_addrs()?;
    addresses
        .next()
        .ok_or_else(|| bad(format!("{host_port}: no address")))
}

pub fn fetch(target: &str, path: &str, limit: Duration) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + limit;
    let mut stream = TcpStream::connect_timeout(&resolve(target)?, limit)?;
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n"
    )?;
    read_answer(&mut stream)
}

/// The body of a `Connection: close` answer; an error unless its status is 2xx.
fn read_answer(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or_else(|| bad("the answer was cut short"))?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer);
    let status = head.split_whitespace().nth(1).unwrap_or("?");
    if status.starts_with('2') {
        Ok(body)
    } else {
        Err(bad(format!(
            "status {status}: {}",
            String::from_utf8_lossy(&body).trim()
        )))
    }
}

/// `vmtool get`.
pub fn get(host: &str, port: &str, path: &str, limit: &str) -> io::Result<()> {
    let body = fetch(&format!("{host}:{port}"), path, seconds(limit)?)?;
    io::stdout().write_all(&body)
}

/// `vmtool udp-send`.
pub fn udp_send(host: &str, port: &str, text: &str, limit: &str) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(resolve(&format!("{host}:{port}"))?)?;
    socket.set_read_timeout(Some(seconds(limit)?))?;
    socket.send(text.as_bytes())?;
    let mut answer = vec![0; 65_536];
    let length = socket.recv(&mut answer)?;
    println!("{}", String::from_utf8_lossy(&answer[..length]));
    Ok(())
}

/// `vmtool await`: asks each target again until it answers or time is up.
pub fn await_all(limit: &str, targets: &[&str]) -> io::Result<()> {
    let deadline = Instant::now() + seconds(limit)?;
    for target in targets {
        loop {
            match fetch(target, "/", Duration::from_secs(2)) {
                Ok(body) => {
                    print!("{target} {}", String::from_utf8_lossy(&body));
                    break;
                }
                Err(error) if Instant::now() > deadline => {
                    return Err(bad(format!("{target} does not answer: {error}")));
                }
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
    Ok(())
}

/// `vmtool api`: the body comes from stdin, the answer's goes to stdout.
pub fn api(socket: &str, method: &str, path: &str, kind: &str) -> io::Result<()> {
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_mins(3)))?;
    // HTTP/1.0, so that the answer comes whole and not in chunks.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)?;
    let answer = read_answer(&mut stream)?;
    io::stdout().write_all(&answer)
}

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

unsafe extern "C" {
    fn clock_settime(clock: i32, time: *const Timespec) -> i32;
}

/// `vmtool clock`.
pub fn set_clock(time: &str) -> io::Result<()> {
    const CLOCK_REALTIME: i32 = 0;
    let since = seconds(time)?;
    let time = Timespec {
        seconds: since.as_secs() as i64,
        nanoseconds: i64::from(since.subsec_nanos()),
    };
    // SAFETY: `time` is a live timespec laid out as the C library's on x86-64.
    if unsafe { clock_settime(CLOCK_REALTIME, &raw const time) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
