//! What is sent, one packet or handshake at a time, in the calling thread's
//! namespace.
//!
//! Relied on: raw(7), ip(7) `IP_PMTUDISC_PROBE` (do not fragment, and do not
//! believe a path MTU that was learnt), socket(7) `SO_NO_CHECK`.

use nix::libc;
use procfs::net::TcpNetEntries;
use procfs::{FromReadSI as _, current_system_info};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

/// IPv4's and ICMP's headers.
pub const HEADERS: u32 = 28;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Answer {
    /// The answer.
    Answered {
        /// After so long.
        micros: u64,
    },
    /// A reset, or "port unreachable": the host is there, the port is not.
    Refused,
    /// Nothing within the time.
    Silent,
    /// The packet is larger than a device on the way, which said so.
    TooBig,
    /// Nothing could be sent, or somebody said that it cannot be delivered.
    Failed {
        /// What the kernel said.
        why: String,
    },
}

impl Answer {
    /// Whether an answer came.
    pub fn came(&self) -> bool {
        matches!(self, Self::Answered { .. })
    }

    fn after(since: Instant) -> Self {
        let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        Self::Answered { micros }
    }

    fn from_error(error: &io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (ErrorKind::ConnectionRefused, _) => Self::Refused,
            (ErrorKind::TimedOut | ErrorKind::WouldBlock, _) => Self::Silent,
            (_, Some(libc::EMSGSIZE)) => Self::TooBig,
            _ => Self::Failed {
                why: error.to_string(),
            },
        }
    }
}

/// Opens a TCP connection and closes it. Also says whether this namespace itself
/// has its other end.
pub fn handshake(to: SocketAddrV4, timeout: Duration) -> (Answer, bool) {
    let since = Instant::now();
    match TcpStream::connect_timeout(&to.into(), timeout) {
        Ok(stream) => {
            let answer = Answer::after(since);
            let client = stream.local_addr().map_or(0, |a| a.port());
            (answer, is_here(to.port(), client))
        }
        Err(error) => (Answer::from_error(&error), false),
    }
}

/// Whether a connection between these ports has its server's end here.
fn is_here(server: u16, client: u16) -> bool {
    ["tcp", "tcp6"].iter().any(|file| {
        let path = format!("/proc/thread-self/net/{file}");
        let table = TcpNetEntries::from_file(path, current_system_info());
        table.is_ok_and(|table| {
            let mut entries = table.0.iter();
            entries.any(|e| (e.local_address.port(), e.remote_address.port()) == (server, client))
        })
    })
}

/// Sends one ICMP echo that makes a packet of `size` bytes and waits for its reply.
pub fn echo(to: Ipv4Addr, size: u32, sequence: u16, timeout: Duration) -> Answer {
    match try_echo(to, size, sequence, timeout) {
        Ok(answer) => answer,
        Err(error) => Answer::from_error(&error),
    }
}

fn try_echo(to: Ipv4Addr, size: u32, sequence: u16, timeout: Duration) -> io::Result<Answer> {
    let mut socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
    option(
        socket.as_raw_fd(),
        libc::IPPROTO_IP,
        libc::IP_MTU_DISCOVER,
        libc::IP_PMTUDISC_PROBE,
    )?;
    socket.connect(&SocketAddrV4::new(to, 0).into())?;
    // Others may be waiting for echoes of the same host.
    let [high, low] = u16::try_from(std::process::id() & 0xffff)
        .unwrap_or_default()
        .to_be_bytes();
    let [up, down] = sequence.to_be_bytes();
    let mut packet = vec![0x5a; size.saturating_sub(HEADERS - 8).max(8) as usize];
    packet[..8].copy_from_slice(&[ECHO_REQUEST, 0, 0, 0, high, low, up, down]);
    let sum = checksum(&packet).to_be_bytes();
    packet[2..4].copy_from_slice(&sum);
    let since = Instant::now();
    socket.send(&packet)?;
    let mut buffer = vec![0; 65536];
    loop {
        let left = timeout.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Ok(Answer::Silent);
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.read(&mut buffer)?;
        let got = buffer.get(..length).unwrap_or_default();
        if is_reply(got, to, [high, low, up, down]) {
            return Ok(Answer::after(since));
        }
    }
}

/// Whether a packet, from its IPv4 header on, is the reply of that host to the echo
/// with this identifier and sequence number.
///
/// The host is compared although the socket is connected to it: a raw socket also
/// receives what arrives in its namespace between its creation and its connection,
/// and the targets of one probe are asked at once, with the same sequence numbers.
fn is_reply(packet: &[u8], from: Ipv4Addr, identity: [u8; 4]) -> bool {
    let header = usize::from(packet.first().unwrap_or(&0) & 0x0f) * 4;
    let echo = packet.get(header..header + 8).unwrap_or_default();
    packet.get(12..16) == Some(&from.octets()[..])
        && echo.first() == Some(&ECHO_REPLY)
        && echo[4..] == identity
}

/// Sends a UDP datagram to a port where nothing should listen: the host's "port
/// unreachable" ([`Answer::Refused`]) says that it arrived whole.
pub fn datagram(to: SocketAddrV4, with_checksum: bool, timeout: Duration) -> Answer {
    let send = || -> io::Result<Answer> {
        let since = Instant::now();
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let without = libc::c_int::from(!with_checksum);
        option(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NO_CHECK,
            without,
        )?;
        socket.set_read_timeout(Some(timeout))?;
        socket.connect(to)?;
        socket.send(b"swarmtrace probe")?;
        socket.recv(&mut [0; 64])?;
        Ok(Answer::after(since))
    };
    send().unwrap_or_else(|error| Answer::from_error(&error))
}

/// Sets a socket option that is a number.
fn option(socket: RawFd, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    #[expect(clippy::cast_possible_truncation, reason = "four bytes")]
    const SIZE: libc::socklen_t = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the socket is open while its owner is borrowed by the caller, and
    // the kernel reads SIZE bytes of `value`.
    let result = unsafe { libc::setsockopt(socket, level, name, (&raw const value).cast(), SIZE) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let word = [pair[0], pair.get(1).copied().unwrap_or(0)];
        sum += u32::from(u16::from_be_bytes(word));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_sums_to_nothing() {
        let mut packet = vec![8, 0, 0, 0, 1, 2, 3, 4, 5];
        let sum = checksum(&packet).to_be_bytes();
        packet[2..4].copy_from_slice(&sum);
        assert_eq!(checksum(&packet), 0);
    }

    #[test]
    fn the_reply_of_another_host_is_none() {
        let [asked, other] = [Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::new(10, 0, 0, 6)];
        let mut packet = vec![0; 28];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&asked.octets());
        packet[20..].copy_from_slice(&[ECHO_REPLY, 0, 0, 0, 1, 2, 0, 1]);
        assert!(is_reply(&packet, asked, [1, 2, 0, 1]));
        assert!(!is_reply(&packet, other, [1, 2, 0, 1]));
        assert!(!is_reply(&packet, asked, [1, 2, 0, 2]));
        assert!(!is_reply(&packet[..24], asked, [1, 2, 0, 1]));
        assert!(!is_reply(&[], asked, [1, 2, 0, 1]));
    }

    #[test]
    fn a_connection_to_an_own_listener_is_known_as_such() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let Ok(std::net::SocketAddr::V4(to)) = listener.local_addr() else {
            panic!("an IPv4 address")
        };
        let (answer, own) = handshake(to, Duration::from_secs(1));
        assert!(answer.came() && own, "{answer:?}");
        drop(listener);
        let (answer, own) = handshake(to, Duration::from_secs(1));
        assert_eq!((answer, own), (Answer::Refused, false));
    }

    #[test]
    fn a_datagram_to_a_closed_port_is_refused_either_way() {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        for with in [true, false] {
            assert_eq!(datagram(to, with, Duration::from_secs(1)), Answer::Refused);
        }
    }
}
