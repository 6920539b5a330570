//! Faults whose packets look like another's: only the state at the place where
//! they stop distinguishes them. Each has a sibling of the same kind.

use super::scenario::{INSIDE, On, SCENARIO, Scenario, found, live};
use swarm_vm::Node::{A, B, Vm};

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "reject-forward",
        about: "node a's FORWARD chain rejects with ICMP host prohibited, as firewalld does",
        fault: &[On(
            A,
            "iptables -I FORWARD -o docker_gwbridge -j REJECT --reject-with icmp-host-prohibited",
        )],
        expect: &[live(A, "forward-drop", "proven", "eth0", "-j REJECT")],
        doctor: &[found(A, "forward", "8080")],
        ..SCENARIO
    },
    Scenario {
        name: "reject-in-a-chain",
        about: "three jumps below node a's FORWARD chain, a rule resets connections to port 8080",
        fault: &[On(
            A,
            "for chain in ONE TWO THREE; do iptables -N $chain; done; iptables -I FORWARD -j ONE; \
             iptables -A ONE -o docker_gwbridge -j TWO; iptables -A TWO -p tcp -j THREE; \
             iptables -A THREE -p tcp --dport 8080 -j REJECT --reject-with tcp-reset",
        )],
        expect: &[live(A, "forward-drop", "proven", "eth0", "-A THREE")],
        doctor: &[found(A, "forward", "8080")],
        ..SCENARIO
    },
    Scenario {
        name: "conntrack-full",
        about: "the connection tracking table is full",
        fault: &[On(Vm, "sysctl -qw net.netfilter.nf_conntrack_max=2")],
        expect: &[live(A, "conntrack-full", "proven", "", "nf_conntrack_max")],
        ..SCENARIO
    },
    Scenario {
        name: "route-blackhole",
        about: "ingress_sbox of node a has a blackhole route to the task on node b",
        fault: &[On(A, "sbox ip route add blackhole $(remote)/32")],
        expect: &[live(A, "route-discards", "proven", "ingress_sbox", "blackhole")],
        ..SCENARIO
    },
    Scenario {
        name: "route-prohibit-rule",
        about: "a policy rule of node a's lb_ sandbox prohibits what goes to the task on node b",
        traffic: INSIDE,
        follow: "--service vote",
        fault: &[On(
            A,
            "here=$(address vote overlay1); \
             for task in $(lb ipvsadm -Sn | sed -n 's/^-a .* -r \\(10[0-9.]*\\):.*/\\1/p'); do \
             [ $task = $here ] || lb ip rule add to $task/32 prohibit; done",
        )],
        expect: &[live(A, "route-discards", "proven", "lb_", "prohibit")],
        ..SCENARIO
    },
    Scenario {
        name: "neighbour-wrong",
        about: "ingress_sbox of node a has a wrong MAC for the task on node b",
        fault: &[On(
            A,
            "sbox ip neigh replace $(remote) lladdr 02:42:0a:00:00:99 dev $(device sbox 10.0.0.) \
             nud permanent",
        )],
        expect: &[live(
            A,
            "neighbour-wrong",
            "proven",
            "ingress_sbox",
            "02:42:0a:00:00:99",
        )],
        ..SCENARIO
    },
    Scenario {
        name: "neighbour-wrong-in-client",
        about: "the client's own neighbour table has another task's MAC for a task on node a",
        traffic: &[On(
            A,
            "inside() { docker exec $(container client) vmtool get $(address direct overlay1) 80 / 3.6; }
             inside & inside & wait",
        )],
        follow: "--service direct",
        fault: &[On(
            A,
            "task client ip neigh replace $(address direct overlay1) \
             lladdr $(mac $(address vote overlay1)) dev $(device 'task client' 10.0.1.) nud permanent",
        )],
        expect: &[live(A, "neighbour-wrong", "proven", "client", "MAC")],
        ..SCENARIO
    },
    Scenario {
        name: "address-lost",
        about: "vote's task on node b has lost its address on the ingress network",
        fault: &[On(
            B,
            "task vote ip addr flush dev $(device 'task vote' 10.0.0.)",
        )],
        expect: &[live(B, "address-missing", "proven", "vote", "10.0.0.")],
        doctor: &[found(B, "addresses", "10.0.0.")],
        ..SCENARIO
    },
    Scenario {
        name: "address-lost-overlay",
        about: "direct's task on node b has lost its address on overlay1",
        traffic: &[On(
            A,
            "remote=$(docker exec $(container client) vmtool lookup direct 2>/dev/null | tr ' ' '\\n' \
             | grep -vxF $(address direct overlay1) | grep '^10\\.' | head -n1); \
             inside() { docker exec $(container client) vmtool get ${remote:-direct} 80 / 3.6; }
             inside & inside & inside & wait",
        )],
        follow: "--service direct",
        fault: &[On(
            B,
            "task direct ip addr flush dev $(device 'task direct' 10.0.1.)",
        )],
        expect: &[live(B, "address-missing", "proven", "direct", "10.0.1.")],
        doctor: &[found(B, "addresses", "10.0.1.")],
        ..SCENARIO
    },
    Scenario {
        name: "nft-forward-policy",
        about: "a table of node a's nftables drops what is forwarded, by its policy",
        fault: &[On(
            A,
            "nft add table inet fw; \
             nft add chain inet fw forward '{ type filter hook forward priority 10; policy drop; }'; \
             nft add rule inet fw forward oifname != docker_gwbridge accept",
        )],
        expect: &[live(A, "forward-drop", "proven", "eth0", "inet fw")],
        doctor: &[found(A, "forward", "8080")],
        ..SCENARIO
    },
    Scenario {
        name: "nft-task-set",
        about: "nftables of vote's task on node a drops a set of ports before iptables' rules",
        fault: &[On(
            A,
            "task vote nft add table ip guard; \
             task vote nft add set ip guard ports '{ type inet_service; flags interval; elements = { 70-90, 8080 }; }'; \
             task vote nft add chain ip guard in '{ type filter hook input priority -5; }'; \
             task vote nft add rule ip guard in tcp dport @ports counter drop",
        )],
        expect: &[live(A, "task-firewall", "proven", "vote", "ip guard")],
        ..SCENARIO
    },
    Scenario {
        name: "tc-drop",
        about: "a flower filter on the node's end of a task's NIC drops what goes to port 8080",
        fault: &[On(
            B,
            "peer=$(task vote cat /sys/class/net/$(device 'task vote' 10.0.0.)/iflink); \
             dev=$(ov ingress ip -o link | sed -n \"s/^$peer: \\([^@:]*\\).*/\\1/p\"); \
             ov ingress tc qdisc add dev $dev clsact 2>/dev/null; \
             ov ingress tc filter add dev $dev egress pref 7 protocol ip flower ip_proto tcp \
             dst_port 8080 action drop",
        )],
        expect: &[live(B, "tc-filter-drops", "likely", "", "flower")],
        ..SCENARIO
    },
    Scenario {
        name: "tc-drop-ingress",
        about: "a u32 filter at the ingress of node a's eth0 drops what comes for port 8080",
        fault: &[On(
            A,
            "tc qdisc add dev eth0 clsact 2>/dev/null; tc filter add dev eth0 ingress pref 50000 \
             protocol ip u32 match ip protocol 6 0xff match ip dport 8080 0xffff action drop",
        )],
        expect: &[live(A, "tc-filter-drops", "likely", "eth0", "u32")],
        ..SCENARIO
    },
    Scenario {
        name: "accept-queue-full",
        about: "vote's task on node a is paused, and its listener's queue is full",
        fault: &[
            On(
                A,
                "task vote sysctl -qw net.ipv4.tcp_syncookies=0; docker pause $(container vote)",
            ),
            On(
                Vm,
                "for i in $(seq 300); do vmtool get 192.168.90.1 8080 / 1 >/dev/null 2>&1 & done; wait",
            ),
        ],
        expect: &[live(A, "accept-queue-full", "proven", "vote", "queue")],
        ..SCENARIO
    },
    Scenario {
        name: "client-in-docker-subnet",
        about: "the external client has an address inside the ingress network's subnet",
        setup: &[On(
            Vm,
            "ip addr add 10.0.0.200/32 dev wire; \
             for node in 1 2; do ip route replace 192.168.90.$node dev wire src 10.0.0.200; done",
        )],
        healthy: None,
        fault: &[On(A, "ip route add 10.0.0.200/32 dev eth0")],
        expect: &[live(A, "address-overlap", "proven", "", "10.0.0.0/24")],
        ..SCENARIO
    },
    Scenario {
        name: "ip-forward-off-node",
        about: "node a does not forward packets",
        fault: &[On(A, "sysctl -qw net.ipv4.ip_forward=0")],
        expect: &[live(A, "ip-forward-off", "proven", "eth0", "ip_forward")],
        doctor: &[found(A, "forwarding", "ip_forward")],
        ..SCENARIO
    },
    Scenario {
        name: "gateway-bridge-down",
        about: "node a's docker_gwbridge is down",
        fault: &[On(A, "ip link set docker_gwbridge down")],
        expect: &[live(A, "device-down", "proven", "eth0", "docker_gwbridge is down")],
        ..SCENARIO
    },
    Scenario {
        name: "overlay-bridge-down",
        about: "the bridge of the ingress network on node b is down",
        fault: &[On(B, "ov ingress ip link set br0 down")],
        expect: &[live(B, "device-down", "proven", "", "br0 is down")],
        doctor: &[found(B, "sandboxes", "br0")],
        ..SCENARIO
    },
    Scenario {
        name: "task-device-down",
        about: "the NIC of vote's task on node b is down",
        fault: &[On(
            B,
            "task vote ip link set $(device 'task vote' 10.0.0.) down",
        )],
        expect: &[live(B, "device-down", "proven", "", "is down")],
        ..SCENARIO
    },
    Scenario {
        name: "virtual-address-lost",
        about: "node a's lb_ sandbox has lost vote's virtual address",
        traffic: INSIDE,
        follow: "--service vote",
        fault: &[On(
            A,
            "vip=$(vip); lb ip addr del $vip/32 dev $(device lb 10.0.1.)",
        )],
        expect: &[live(A, "virtual-address-missing", "proven", "client", "virtual address")],
        doctor: &[found(A, "marks", "")],
        ..SCENARIO
    },
];
