//! Runs commands for the host: one connection, one command, its output kept
//! apart, its exit code passed on, and nothing left running when the host goes.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::wire;

/// How long output may still arrive after the command itself has ended, when
/// something it started in the background holds the pipe open.
const LINGER: Duration = Duration::from_millis(300);
const SIGINT: i32 = 2;
const SIGQUIT: i32 = 3;
const SIGKILL: i32 = 9;
const SIG_DFL: usize = 0;

unsafe extern "C" {
    fn kill(pid: i32, signal: i32) -> i32;
    fn signal(number: i32, handler: usize) -> usize;
}

/// Serves until the VM ends.
pub fn run(port: &str) -> io::Result<()> {
    // A shell starts its background jobs, us, deaf to Ctrl-C, and what we start
    // would inherit that.
    for number in [SIGINT, SIGQUIT] {
        // SAFETY: signal(2) with a default handler touches no memory of ours.
        unsafe { signal(number, SIG_DFL) };
    }
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"))?;
    loop {
        if let Ok((stream, _)) = listener.accept() {
            thread::spawn(move || {
                if let Err(error) = serve(&stream) {
                    eprintln!("agent: {error}");
                }
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    }
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut from_host = stream.try_clone()?;
    let to_host = Arc::new(Mutex::new(stream.try_clone()?));
    send_raw(&to_host, wire::BANNER)?;

    let (mut node, mut env, mut argv) = (String::new(), Vec::new(), Vec::new());
    loop {
        let Some((kind, payload)) = wire::read_frame(&mut from_host)? else {
            return Ok(());
        };
        let text = String::from_utf8_lossy(&payload).into_owned();
        match kind {
            wire::NODE => node = text,
            wire::ENV => env.push(text),
            wire::ARG => argv.push(text),
            wire::RUN => break,
            _ => {}
        }
    }
    let mut child = match start(&node, &env, &argv) {
        Ok(child) => child,
        Err(error) => return send(&to_host, wire::FAILED, error.to_string().as_bytes()),
    };
    let group = child.id() as i32;
    let (ended, outputs) = mpsc::channel();
    pump(child.stdout.take(), wire::STDOUT, &to_host, ended.clone());
    pump(child.stderr.take(), wire::STDERR, &to_host, ended);
    let stdin = feed(&mut child);

    let waiter = Arc::clone(&to_host);
    let over = Arc::new(AtomicBool::new(false));
    let now_over = Arc::clone(&over);
    let finished = thread::spawn(move || {
        let code = child.wait().map_or(255, |status| {
            status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
        });
        now_over.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            let _ = outputs.recv_timeout(LINGER);
        }
        let _ = send(&waiter, wire::EXIT, &code.to_be_bytes());
        if let Ok(stream) = waiter.lock() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    while let Ok(Some((kind, payload))) = wire::read_frame(&mut from_host) {
        match kind {
            wire::STDIN => drop(stdin.send(payload)),
            wire::SIGNAL => send_signal(group, payload.first().copied().unwrap_or(0).into()),
            _ => {}
        }
    }
    // Either the command has ended and the connection with it, and what it left
    // in the background is to stay; or the host has gone.
    if !over.load(Ordering::SeqCst) {
        send_signal(group, SIGKILL);
    }
    let _ = finished.join();
    Ok(())
}

/// The command, inside the namespaces named in `/nodes/NODE/enter` if any.
fn start(node: &str, env: &[String], argv: &[String]) -> io::Result<Child> {
    let enter = fs::read_to_string(format!("/nodes/{node}/enter")).unwrap_or_default();
    let mut words: Vec<&str> = Vec::new();
    if !enter.trim().is_empty() {
        words.push("/usr/bin/nsenter");
        words.extend(enter.split_whitespace());
        words.push("--");
    }
    words.extend(argv.iter().map(String::as_str));
    let [program, arguments @ ..] = words.as_slice() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no command"));
    };
    #[expect(clippy::disallowed_methods, reason = "the host names the program")]
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(env.iter().filter_map(|pair| pair.split_once('=')))
        .current_dir("/root")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))
}

fn pump<R: Read + Send + 'static>(
    from: Option<R>,
    kind: u8,
    to: &Arc<Mutex<TcpStream>>,
    ended: mpsc::Sender<()>,
) {
    let to = Arc::clone(to);
    thread::spawn(move || {
        let mut buffer = vec![0; wire::MAX_PAYLOAD];
        if let Some(mut from) = from {
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if send(&to, kind, &buffer[..length]).is_err() {
                    break;
                }
            }
        }
        let _ = ended.send(());
    });
}

/// A thread of its own writes stdin, so that a command that never reads it
/// cannot keep the connection's end, or a signal, from being noticed.
fn feed(child: &mut Child) -> mpsc::SyncSender<Vec<u8>> {
    let (to_child, chunks) = mpsc::sync_channel::<Vec<u8>>(64);
    let mut stdin = child.stdin.take();
    thread::spawn(move || {
        for chunk in chunks {
            let Some(pipe) = stdin.as_mut().filter(|_| !chunk.is_empty()) else {
                stdin = None;
                continue;
            };
            if pipe.write_all(&chunk).is_err() {
                stdin = None;
            }
        }
    });
    to_child
}

fn send_signal(group: i32, number: i32) {
    // SAFETY: kill(2) takes two integers and touches no memory of ours.
    unsafe { kill(-group, number) };
}

fn send(to: &Mutex<TcpStream>, kind: u8, payload: &[u8]) -> io::Result<()> {
    let mut stream = to
        .lock()
        .map_err(|_| io::Error::other("a writer panicked"))?;
    wire::write_frame(&mut *stream, kind, payload)
}

fn send_raw(to: &Mutex<TcpStream>, bytes: &[u8]) -> io::Result<()> {
    let mut stream = to
        .lock()
        .map_err(|_| io::Error::other("a writer panicked"))?;
    stream.write_all(bytes)
}
