//! tcpdump in every namespace of a replica, from before the first packet until
//! after the last.
//!
//! One tcpdump a namespace, on all devices at once: it starts in milliseconds,
//! puts no device into promiscuous mode, and the order of packets within its
//! file is the kernel's. A listener that missed anything panics: half a truth
//! would accuse the wrong side.

use crate::plan::VXLAN_PORT;
use crate::replica::Replica;
use bed::deadline::until;
use bed::namespace::Namespace;
use bed::program::Running;
use nix::sys::signal::Signal;
use std::time::Duration;
use truth::Sighting;
use truth::Spot;

const LIMIT: Duration = Duration::from_secs(20);

/// tcpdump, listening.
#[derive(Debug)]
pub struct Listener {
    directory: tempfile::TempDir,
    dumps: Vec<(Spot, Running)>,
}

impl Listener {
    /// Listens everywhere in the replica; returns once every tcpdump does.
    #[track_caller]
    pub fn start(replica: &Replica) -> Self {
        let directory = tempfile::tempdir().expect("a directory for tcpdump's files");
        let named = replica.namespaces().map(|(side, namespace)| {
            let node = side.map_or("", |side| side.hostname());
            (format!("{node} {}", namespace.name()), namespace)
        });
        let mut dumps: Vec<_> = named
            .enumerate()
            .map(|(index, (name, namespace))| {
                let file = directory.path().join(index.to_string());
                let mut command = namespace.command("tcpdump");
                command
                    .args(["-i", "any", "-y", "LINUX_SLL2", "-U", "--immediate-mode"])
                    .args(["--time-stamp-precision=nano", "-n", "-Z", "root"])
                    // Whole packets of the wire's size, and a buffer for a thousand of them.
                    .args(["-s", "4096", "-B", "4096", "-w"])
                    .arg(file);
                (spot(&name, namespace), Running::start(command))
            })
            .collect();
        for (_, dump) in &mut dumps {
            dump.wait_for(LIMIT, "tcpdump to listen", |_, err| {
                err.contains("listening on")
            });
        }
        Self { directory, dumps }
    }

    /// Stops listening and returns everything that was seen, in order.
    #[track_caller]
    pub fn stop(self) -> Vec<Sighting> {
        for (spot, dump) in &self.dumps {
            let what = format!("tcpdump in {} to have written everything", spot.namespace);
            until(LIMIT, &what, || has_written_everything(dump).then_some(()));
        }
        for (_, dump) in &self.dumps {
            dump.signal(Signal::SIGINT);
        }
        let mut seen = Vec::new();
        for (index, (spot, dump)) in self.dumps.into_iter().enumerate() {
            let ended = dump.wait(LIMIT);
            assert_eq!(
                count(&ended.stderr, "dropped by kernel"),
                Some(0),
                "tcpdump in {} missed something: {}",
                spot.namespace,
                ended.stderr
            );
            let file = std::fs::read(self.directory.path().join(index.to_string()));
            seen.extend(spot.name(&file.expect("read tcpdump's file"), VXLAN_PORT));
        }
        // Stable: the order within a file stays where time stamps are equal.
        seen.sort_by_key(|s| s.time);
        seen
    }
}

/// Asks tcpdump (SIGUSR1) whether it has written all that the kernel had for it.
fn has_written_everything(dump: &Running) -> bool {
    let before = dump.stderr().len();
    dump.signal(Signal::SIGUSR1);
    let account = until(LIMIT, "tcpdump's statistics", || {
        let account = dump.stderr().split_off(before);
        account.contains("dropped by kernel").then_some(account)
    });
    count(&account, "captured") == count(&account, "received by filter")
}

/// The last number before `what` in `17 packets captured, 17 packets received …`.
fn count(account: &str, what: &str) -> Option<u64> {
    let mut parts = account.rsplit(['\n', ',', ':']);
    let part = parts.find(|part| part.trim_end().ends_with(what))?;
    part.split_whitespace().next()?.parse().ok()
}

fn spot(name: &str, namespace: &Namespace) -> Spot {
    Spot {
        netns: namespace.inode(),
        namespace: name.trim().to_owned(),
        devices: namespace.devices(),
    }
}
