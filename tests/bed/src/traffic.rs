//! Connections that tests make: small servers and clients, in-process, whose
//! sockets were made inside a namespace and so stay there whatever thread uses
//! them. A server answers with its own name, so that a client knows which task
//! the load balancer chose.

use crate::namespace::Namespace;
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::{TimeVal, TimeValLike};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a client or a served connection may take.
const LIMIT: Duration = Duration::from_secs(5);
/// How often a server looks whether it is to stop.
const TICK: Duration = Duration::from_millis(20);

static DATAGRAMS: AtomicU64 = AtomicU64::new(0);

/// A server on its thread; it stops when dropped.
#[derive(Debug)]
pub struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// One exchange as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The client's own address.
    pub local: SocketAddr,
    /// The address it talked to.
    pub remote: SocketAddr,
    /// Who answered: the name of the server's namespace.
    pub answered_by: String,
    /// The server's view of the client's address.
    pub seen_as: String,
    /// What the client sent.
    pub sent: Vec<u8>,
    /// What came back.
    pub received: Vec<u8>,
}

/// Serves HTTP on `port`, IPv4 and IPv6.
pub fn serve_tcp(namespace: &Namespace, port: u16) -> Server {
    let listener = namespace
        .run(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)))
        .unwrap_or_else(|e| panic!("listen on {port} in {}: {e}", namespace.name()));
    // Linux lets accept(2) wait no longer than a read (socket(7), SO_RCVTIMEO).
    setsockopt(
        &listener,
        ReceiveTimeout,
        &TimeVal::milliseconds(TICK.as_millis() as i64),
    )
    .expect("set the listener's time limit");
    let name = namespace.name().to_owned();
    Server::on_a_thread(move |stop| {
        while !stop.load(Ordering::Relaxed) {
            // Nobody there, or a client that went away again.
            let Ok((stream, peer)) = listener.accept() else {
                continue;
            };
            let name = name.clone();
            std::thread::spawn(move || answer(stream, peer, &name));
        }
    })
}

fn answer(mut stream: TcpStream, peer: SocketAddr, name: &str) {
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let body = format!("{name} {peer}\n");
    // In one piece, as servers do: a write is a packet.
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut request = [0; 4096];
    let mut serve = || {
        stream.set_read_timeout(Some(LIMIT))?;
        loop {
            let length = stream.read(&mut request)?;
            if length > 0 {
                stream.write_all(response.as_bytes())?;
            }
            if length == 0 || !is_standing(&request[..length]) {
                return std::io::Result::Ok(());
            }
        }
    };
    // A client may leave before its answer: that is its own business.
    drop(serve());
}

/// Whether a connection stays open after the request: HTTP/1.1's default.
fn is_standing(request: &[u8]) -> bool {
    request.windows(8).any(|w| w == b"HTTP/1.1")
}

/// Answers each datagram that comes to `port`, IPv4 and IPv6.
pub fn serve_udp(namespace: &Namespace, port: u16) -> Server {
    let socket = namespace
        .run(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)))
        .unwrap_or_else(|e| panic!("bind {port}/udp in {}: {e}", namespace.name()));
    socket
        .set_read_timeout(Some(TICK))
        .expect("set a time limit");
    let name = namespace.name().to_owned();
    Server::on_a_thread(move |stop| {
        let mut datagram = [0; 2048];
        while !stop.load(Ordering::Relaxed) {
            if let Ok((length, peer)) = socket.recv_from(&mut datagram) {
                let seen = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                let request = String::from_utf8_lossy(&datagram[..length]);
                let _ = socket.send_to(format!("{name} {seen} {request}").as_bytes(), peer);
            }
        }
    })
}

impl Server {
    fn on_a_thread(serve: impl FnOnce(&AtomicBool) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        Self {
            stop,
            thread: Some(std::thread::spawn(move || serve(&asked))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One HTTP request from inside `namespace`.
///
/// # Errors
/// Errors if the connection fails.
pub fn request(namespace: &Namespace, to: impl Into<SocketAddr>) -> std::io::Result<Exchange> {
    let to = to.into();
    namespace.run(|| request_from_here(to))
}

/// One HTTP request from the namespace that this thread is in.
fn request_from_here(to: SocketAddr) -> std::io::Result<Exchange> {
    let mut stream = TcpStream::connect_timeout(&to, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let local = stream.local_addr()?;
    let sent = b"GET / HTTP/1.0\r\n\r\n";
    stream.write_all(sent)?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    Ok(exchange(local, to, sent, &received))
}

/// One datagram from inside `namespace`, and its answer.
///
/// # Errors
/// Errors if it cannot be sent, or no answer comes.
pub fn datagram(namespace: &Namespace, to: impl Into<SocketAddr>) -> std::io::Result<Exchange> {
    let to = to.into();
    let any: SocketAddr = if to.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = namespace.run(|| UdpSocket::bind(any))?;
    socket.set_read_timeout(Some(LIMIT))?;
    socket.connect(to)?;
    let local = socket.local_addr()?;
    // No two datagrams of a test run are alike, so that each can be recognised.
    let sent = format!("hello {}\n", DATAGRAMS.fetch_add(1, Ordering::Relaxed));
    socket.send(sent.as_bytes())?;
    let mut text = [0; 2048];
    let length = socket.recv(&mut text)?;
    Ok(exchange(local, to, sent.as_bytes(), &text[..length]))
}

/// Requests until the task `wanted` answers: the balancers take turns.
#[track_caller]
pub fn request_answered_by(
    namespace: &Namespace,
    to: impl Into<SocketAddr>,
    wanted: &str,
) -> Exchange {
    let to = to.into();
    for _ in 0..8 {
        let exchange =
            request(namespace, to).unwrap_or_else(|e| panic!("{} → {to}: {e}", namespace.name()));
        if exchange.answered_by == wanted {
            return exchange;
        }
    }
    panic!(
        "{} → {to}: {wanted} did not answer any of 8 requests",
        namespace.name()
    );
}

/// `count` requests over each of so many standing connections; returns how many
/// were answered.
pub fn standing(
    namespace: &Namespace,
    to: impl Into<SocketAddr>,
    connections: usize,
    count: usize,
) -> usize {
    let to = to.into();
    let ask = || {
        let Ok(mut stream) = namespace.run(|| TcpStream::connect_timeout(&to, LIMIT)) else {
            return 0;
        };
        let mut response = [0; 4096];
        let mut ask = || {
            stream.set_read_timeout(Some(LIMIT))?;
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
            stream.read(&mut response)
        };
        (0..count).take_while(|_| matches!(ask(), Ok(1..))).count()
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..connections).map(|_| scope.spawn(ask)).collect();
        (clients.into_iter())
            .map(|c| c.join().unwrap_or_default())
            .sum()
    })
}

/// `count` requests, `at_once` at a time; returns how many were answered.
pub fn many(
    namespace: &Namespace,
    to: impl Into<SocketAddr>,
    count: usize,
    at_once: usize,
) -> usize {
    let to = to.into();
    let left = std::sync::atomic::AtomicUsize::new(count);
    let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    // A thread goes inside once for all its requests.
    let ask = || {
        namespace.run(|| {
            let mut answered = 0;
            while take().is_ok() {
                answered += usize::from(request_from_here(to).is_ok());
            }
            answered
        })
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..at_once).map(|_| scope.spawn(ask)).collect();
        clients
            .into_iter()
            .map(|c| c.join().unwrap_or_default())
            .sum()
    })
}

fn exchange(local: SocketAddr, remote: SocketAddr, sent: &[u8], received: &[u8]) -> Exchange {
    let text = String::from_utf8_lossy(received);
    let body = text.split("\r\n\r\n").last().unwrap_or_default();
    let mut words = body.split_whitespace().map(str::to_owned);
    Exchange {
        local,
        remote,
        answered_by: words.next().unwrap_or_default(),
        seen_as: words.next().unwrap_or_default(),
        sent: sent.to_owned(),
        received: received.to_owned(),
    }
}
