//! tcpdump in every namespace of a node of the real Swarm.
//!
//! The same truth as the replica's `replica::Listener`, gathered by a
//! script in the VM: one tcpdump for the node's own namespace and each in
//! Docker's directory, left in the background until [`Listener::stop`].

use super::nodes::{LIMIT, Swarm};
use swarm_vm::Node;
use truth::{Sighting, Spot};

const VXLAN_PORT: u16 = 4789;

const START: &str = r"
rm -rf $dir; mkdir -p $dir; cd $dir
listen() {
  { stat -L -c %i $2; /usr/bin/nsenter --net=$2 /usr/bin/ip -o link; } >$1.links
  /usr/bin/setsid /usr/bin/nsenter --net=$2 /usr/bin/tcpdump -i any -y LINUX_SLL2 -U --immediate-mode \
    --time-stamp-precision=nano -n -Z root -s 4096 -B 2048 -w $dir/$1.pcap 'less 4000 and not host 127.0.0.11' >/dev/null 2>>$1.err </dev/null &
  echo $! >$1.pid
}
listen host /proc/self/ns/net
for file in /run/docker/netns/*; do listen ${file##*/} $file; done
for err in *.err; do
  i=0
  until grep -q 'listening on' $err; do
    sleep 0.1; i=$((i+1))
    [ $i -gt 600 ] && { cat $err; exit 1; }
  done
done
true
";

/// Super-packets of other flows are left out: the file format cannot hold
/// them. So are Docker's name look-ups, which a container makes on its loopback:
/// no hop is there, and libpcap counts a packet on it twice and delivers it once.
/// tcpdump prints its account on SIGUSR1; it is stopped once it has written all
/// that the kernel had for it. What came before its filter was in place it has
/// received and does not write, so the two numbers may stay apart: five seconds
/// without a change will do.
const STOP: &str = r#"
cd $dir
for pid in *.pid; do
  name=${pid%.pid} i=0 before= same=0
  while :; do
    : >$name.err; kill -USR1 $(cat $pid)
    sleep 0.1
    set -- $(sed -n 's/.*[^0-9]\([0-9]*\) packets* captured, \([0-9]*\) packets* received.*/\1 \2/p' $name.err)
    [ -n "$1" ] && [ "$1" = "$2" ] && break
    if [ "$1 $2" = "$before" ]; then same=$((same+1)); else before="$1 $2" same=0; fi
    [ -n "$1" ] && [ $same -ge 50 ] && break
    i=$((i+1)); [ $i -gt 300 ] && { echo "$name does not catch up:"; cat $name.err; exit 1; }
  done
  : >$name.err; kill -INT $(cat $pid)
  i=0
  while kill -0 $(cat $pid) 2>/dev/null; do
    sleep 0.1; i=$((i+1)); [ $i -gt 100 ] && { echo "$name does not stop"; exit 1; }
  done
  grep -q '^0 packets dropped by kernel' $name.err || { echo "$name missed packets:"; cat $name.err; exit 1; }
done
"#;

/// tcpdump, listening on a node.
#[derive(Debug)]
pub struct Listener<'a> {
    swarm: &'a Swarm,
    node: Node,
}

impl<'a> Listener<'a> {
    /// Listens in every namespace of the node; returns once every tcpdump does.
    #[track_caller]
    pub fn start(swarm: &'a Swarm, node: Node) -> Self {
        swarm.sh(node, &format!("dir={}{START}", directory(node)));
        Self { swarm, node }
    }

    /// Stops listening and returns everything that was seen, in order.
    #[track_caller]
    pub fn stop(self) -> Vec<Sighting> {
        let guest = directory(self.node);
        self.swarm.sh(self.node, &format!("dir={guest}{STOP}"));
        let local = tempfile::tempdir().expect("a directory for tcpdump's files");
        let copy = local.path().join("truth");
        self.swarm
            .vm()
            .get(self.node, &guest, &copy)
            .unwrap_or_else(|e| panic!("cannot get tcpdump's files within {LIMIT:?}: {e:#}"));
        let mut seen = Vec::new();
        for entry in std::fs::read_dir(&copy)
            .expect("list tcpdump's files")
            .flatten()
        {
            let path = entry.path();
            if path.extension().is_some_and(|e| e == "pcap") {
                let links = std::fs::read_to_string(path.with_extension("links"));
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let name = format!("{} {name}", self.node);
                let spot = spot(name, &links.expect("read the list of devices"));
                let file = std::fs::read(&path).expect("read tcpdump's file");
                seen.extend(spot.name(&file, VXLAN_PORT));
            }
        }
        seen.sort_by_key(|s| s.time);
        seen
    }
}

fn directory(node: Node) -> String {
    format!("/tmp/truth-{}", node.letter())
}

/// An inode, then `ip -o link`: `7: veth0@if6: <…`.
fn spot(namespace: String, links: &str) -> Spot {
    let mut lines = links.lines();
    let netns = lines.next().and_then(|l| l.trim().parse().ok());
    let device = |line: &str| {
        let mut parts = line.split(": ");
        let index = parts.next()?.trim().parse().ok()?;
        let name = parts.next()?.split('@').next()?.to_owned();
        (name != "lo").then_some((index, name))
    };
    Spot {
        netns: netns.unwrap_or_else(|| panic!("no inode of {namespace} in {links}")),
        namespace,
        devices: lines.filter_map(device).collect(),
    }
}
