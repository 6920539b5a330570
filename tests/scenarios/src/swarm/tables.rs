//! The tables of each namespace of a node: conntrack's and IPVS's connections,
//! and the mangle rules with their counters.

use super::nodes::Swarm;
use swarm_vm::Node;
use truth::conntrack::{self, Entry};
use truth::ipvs::{self, Connection};
use truth::rules::{self, Rule};

/// One namespace's tables.
#[derive(Debug)]
pub struct Table {
    /// Inode of the namespace.
    pub netns: u32,
    /// `host`, or its file's name in Docker's directory.
    pub name: String,
    /// Conntrack's connections.
    pub conntrack: Vec<Entry>,
    /// IPVS's connections.
    pub ipvs: Vec<Connection>,
    /// `iptables-save -c -t mangle`
    pub mangle: Vec<Rule>,
}

const SCRIPT: &str = r#"
show() {
  echo "@@namespace $1 $(stat -L -c %i $2)"
  /usr/bin/nsenter --net=$2 sh -c 'conntrack -L -o extended 2>/dev/null
    echo @@ipvs; cat /proc/net/ip_vs_conn; echo @@mangle; iptables-save -c -t mangle'
}
show host /proc/self/ns/net
for file in /run/docker/netns/*; do show ${file##*/} $file; done
"#;

/// Longer than it takes to read every table of an emulated node; conntrack forgets
/// a connection that ended by a reset after 10 seconds.
const KEEP: &str = r"
for file in /proc/self/ns/net /run/docker/netns/*; do
  /usr/bin/nsenter --net=$file sh -c 'for state in close close_wait last_ack fin_wait time_wait; do
    sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_$state=300; done' 2>/dev/null || :
done
";

/// Has conntrack remember ended connections until [`tables`] has read them.
#[track_caller]
pub fn keep_ended_connections(swarm: &Swarm, node: Node) {
    swarm.sh(node, KEEP);
}

/// The tables of every namespace of a node.
#[track_caller]
pub fn tables(swarm: &Swarm, node: Node) -> Vec<Table> {
    let all = swarm.sh(node, SCRIPT);
    let table = |part: &str| {
        let (head, rest) = part.split_once('\n').expect("a namespace's listing");
        let (name, inode) = head.split_once(' ').expect("a name and an inode");
        let (listing, rest) = rest.split_once("@@ipvs").expect("conntrack's listing");
        let (connections, mangle) = rest.split_once("@@mangle").expect("IPVS's listing");
        Table {
            netns: inode.trim().parse().expect("an inode"),
            name: name.to_owned(),
            conntrack: conntrack::parse(listing),
            ipvs: ipvs::parse_proc(connections),
            mangle: rules::parse(mangle),
        }
    };
    all.split("@@namespace ").skip(1).map(table).collect()
}
