//! The life of a trace on the real Swarm: what it refuses, what it keeps up with,
//! and that nothing of it stays.

use crate::swarm::{Following, LIMIT, NODES, Swarm};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use swarm_vm::{Kernel, Node};
use truth::Timeline;

/// Everything on the tc hooks of a node's namespaces that `tc` knows of, and the
/// names of the loaded programs (tcx ones are in no listing of this `tc`).
const HOOKS: &str = r#"
for file in /proc/self/ns/net /run/docker/netns/*; do
  echo "@ ${file##*/}"
  /usr/bin/nsenter --net=$file sh -c 'tc qdisc show; tc qdisc show | sed -n "s/^qdisc clsact .* dev \([^ ]*\) .*/\1/p" |
    while read device; do
      for way in ingress egress; do echo "$device $way"; tc filter show dev $device $way; done
    done'
done
"#;

/// However a trace ends, the hooks are as they were.
pub fn leaves_nothing(kernel: Kernel) {
    leaves_nothing_on(&Swarm::up(kernel));
}

/// The same on a Swarm that is up; node a's eth0 has a clsact qdisc afterwards.
pub fn leaves_nothing_on(swarm: &Swarm) {
    // A clsact qdisc of somebody else's, to be left alone.
    swarm.sh(Node::A, "tc qdisc add dev eth0 clsact");
    let hooks = |node| swarm.sh(node, HOOKS);
    let programs = || {
        let listed = swarm.sh(Node::Vm, "bpftool prog show | grep -c swarmtrace || :");
        listed.trim().parse::<u32>().expect("a number of programs")
    };
    let before = NODES.map(hooks);
    let options = "--service vote --port 8080";

    let follows = NODES.map(|node| Following::start(swarm, node, options));
    assert!(programs() > 0, "a running trace has programs in the kernel");
    swarm.sh(Node::Vm, "vmtool get 192.168.90.1 8080 / 20");
    for follow in follows {
        follow.stop();
    }
    assert_eq!(NODES.map(hooks), before, "after Ctrl-C");
    assert_eq!(programs(), 0, "after Ctrl-C");

    for follow in NODES.map(|node| Following::start(swarm, node, options)) {
        follow.kill();
    }
    for node in NODES {
        let (status, stdout, stderr) = swarm.swarmtrace(node, &["cleanup"]);
        assert_eq!(status, 0, "cleanup on {node}: {stdout}{stderr}");
    }
    assert_eq!(NODES.map(hooks), before, "after a kill and cleanup");
    assert_eq!(programs(), 0, "after a kill and cleanup");
}

/// What cannot be followed is refused in one line that says why.
pub fn refusals(kernel: Kernel) {
    let swarm = Swarm::up(kernel);
    for node in NODES {
        for (options, words) in [
            (
                ["--service", "nosuch", "--port", "8080"],
                ["nosuch", "vote"],
            ),
            (["--service", "vote", "--port", "9999"], ["9999", "8080"]),
            (
                ["--network", "nosuch", "--port", "8080"],
                ["nosuch", "overlay1"],
            ),
        ] {
            let arguments = [&["follow", "--duration", "1s"][..], &options].concat();
            let (status, stdout, stderr) = swarm.swarmtrace(node, &arguments);
            let asked = options.join(" ");
            assert_eq!(status, 2, "{asked} on {node}: {stdout}{stderr}");
            assert_eq!(stderr.lines().count(), 1, "one line on {node}: {stderr}");
            for word in words {
                assert!(
                    stderr.contains(word),
                    "{word:?} in the answer to {asked} on {node}: {stderr}"
                );
            }
        }
    }
}

/// `docker service scale vote=6` under load: what goes to a new task is seen to
/// arrive there from shortly after its start on.
pub fn keeps_up_with_new_tasks(kernel: Kernel) {
    // A second where nothing is emulated.
    const LATE: Duration = Duration::from_secs(5);
    let swarm = Swarm::up(kernel);
    let follows =
        NODES.map(|node| Following::start(&swarm, node, "--service vote --port 8080 --no-reply"));
    let load = "while :; do vmtool get 192.168.90.1 8080 / 20 >/dev/null 2>&1; done";
    let load = swarm.vm().spawn(Node::Vm, &["sh", "-c", load]);
    let load = load.unwrap_or_else(|e| panic!("{e:#}"));
    swarm.sh(Node::A, "docker service scale -d vote=6");
    let asked = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do vmtool get 192.168.90.1 8080 / 20; done | cut -d' ' -f1 | sort -u | wc -l";
    bed::deadline::until(LIMIT, "six tasks to answer", || {
        (swarm.sh(Node::Vm, asked).trim() == "6").then_some(())
    });
    std::thread::sleep(LATE);
    swarm.sh(Node::Vm, asked);
    drop(load);
    let [a, b] = follows.map(Following::stop);
    // On node a a connection may go on to node b; on node b it ends.
    let ends_here = |t: &&Timeline| t.of("syn", "forward").iter().all(|h| h.vxlan.is_none());
    let ending: Vec<&Timeline> = a
        .timelines
        .iter()
        .filter(ends_here)
        .chain(&b.timelines)
        .collect();
    let mut tasks: BTreeMap<SocketAddr, (u64, Option<u64>)> = BTreeMap::new();
    for timeline in ending {
        let Some(last) = timeline.of("syn", "forward").last().copied() else {
            continue;
        };
        let (first, incomplete) = tasks
            .entry(last.destination)
            .or_insert((timeline.started, None));
        *first = timeline.started.min(*first);
        if last.place != "container" {
            *incomplete = Some(timeline.started.max(incomplete.unwrap_or(0)));
        }
    }
    assert_eq!(tasks.len(), 6, "connections to each task: {tasks:?}");
    for (task, (first, incomplete)) in tasks {
        let late = incomplete.map(|at| Duration::from_nanos(at.saturating_sub(first)));
        println!("{task}: last connection not seen to arrive: {late:?} after the first");
        assert!(
            late.is_none_or(|late| late < LATE),
            "{task} is not tapped after {late:?}"
        );
    }
}
