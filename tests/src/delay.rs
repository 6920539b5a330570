//! One hop of the replica made slower, by a known time: packets that leave a
//! namespace through a device are held back in user space and let go again.
//!
//! Netem does this on kernels that have it, and many of those that tests run on
//! do not: `NFQUEUE` is there wherever Docker is. The packet waits between the
//! tap at which it came into the namespace and the tap at which it leaves.

use bed::namespace::Namespace;
use nfq::{Message, Queue, Verdict};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it looks for packets.
const TICK: Duration = Duration::from_micros(50);
/// The number of the queue, of which each namespace has its own.
const QUEUE: u16 = 7;

/// A delay, for as long as it lives.
#[derive(Debug)]
pub struct Delay {
    nanoseconds: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Delay {
    /// Delays TCP that leaves the namespace through `device`.
    #[track_caller]
    pub fn new(namespace: &Namespace, device: &str, by: Duration) -> Self {
        let queue = namespace.run(|| {
            let mut queue = Queue::open()?;
            queue.bind(QUEUE)?;
            queue.set_nonblocking(true);
            Ok::<_, std::io::Error>(queue)
        });
        let queue = queue.expect("bind a queue of packets");
        let rule = format!(
            "*mangle\n-A POSTROUTING -o {device} -p tcp -j NFQUEUE --queue-num {QUEUE} --queue-bypass\nCOMMIT\n"
        );
        namespace.output("iptables-restore", &["--noflush"], &rule);
        let nanoseconds = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (time, asked) = (Arc::clone(&nanoseconds), Arc::clone(&stop));
        let delay = Self {
            nanoseconds,
            stop,
            thread: Some(std::thread::spawn(move || hold(queue, &time, &asked))),
        };
        delay.set(by);
        delay
    }

    /// Delays by another time from now on.
    pub fn set(&self, by: Duration) {
        let ns = u64::try_from(by.as_nanos()).expect("a delay that a test can wait for");
        self.nanoseconds.store(ns, Ordering::Relaxed);
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn hold(mut queue: Queue, time: &AtomicU64, stop: &AtomicBool) {
    be_punctual();
    let mut held: VecDeque<(Instant, Message)> = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        while let Ok(message) = queue.recv() {
            let by = Duration::from_nanos(time.load(Ordering::Relaxed));
            held.push_back((Instant::now() + by, message));
        }
        let now = Instant::now();
        while let Some((due, _)) = held.front()
            && *due <= now
            && let Some((_, mut message)) = held.pop_front()
        {
            message.set_verdict(Verdict::Accept);
            queue.verdict(message).expect("let a packet go");
        }
        // The queue cannot be waited for with a limit.
        let next = held
            .front()
            .map(|(due, _)| due.saturating_duration_since(now));
        std::thread::sleep(next.map_or(TICK, |next| next.min(TICK)));
    }
}

/// As far as it is allowed to: before everything else that wants to run, and
/// woken to the microsecond.
fn be_punctual() {
    let parameters = libc::sched_param { sched_priority: 10 };
    // SAFETY: both only change how this thread is scheduled.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters);
        libc::prctl(libc::PR_SET_TIMERSLACK, 1);
    }
}
