//! Failures between the nodes: what carries the overlays.

use super::entry::failures;

failures! {
    VXLAN_BLOCKED_ON_NODE: "vxlan-blocked-on-node" {
        title: "The receiving node's own firewall stops VXLAN datagrams",
        symptom: "Tasks on one node are silent from every other node, whatever the service.",
        cause: "The node's INPUT chain does not accept UDP 4789.",
        evidence: "Likely: the datagram reached the node and its kernel reports a netfilter drop \
                   in the node's own namespace, or the node answered that it is prohibited, or it \
                   did not reach the VXLAN device, watched without a loss. The rule was not read. \
                   Doctor walks the node's rules with another node's datagram.",
        fix: "On the receiving node: iptables -I INPUT -p udp --dport 4789 -j ACCEPT (the \
              data-path port); to keep it, add it to the configuration of its firewall.",
        references: &["photon#1321", "moby#33416"],
    }

    NODE_FIREWALL_DROPS: "node-firewall-drops" {
        title: "The node's own firewall drops the Swarm's traffic",
        symptom: "Nodes do not learn of each other's tasks (7946), encrypted overlays carry \
                  nothing (ESP), managers cannot be reached (2377), or nothing leaves for the \
                  other nodes.",
        cause: "A rule or policy of INPUT or OUTPUT drops one of the Swarm's own ports.",
        evidence: "Doctor walks the node's rules with the Swarm's packets, in both directions. \
                   VXLAN that comes in is vxlan-blocked-on-node.",
        fix: "Accept the traffic in the configuration of the node's firewall.",
        references: &["photon#1321", "moby#33416"],
    }

    VXLAN_BLOCKED_ON_PATH: "vxlan-blocked-on-path" {
        title: "VXLAN datagrams leave this node and do not arrive at the other",
        symptom: "Tasks on another node are silent from here, whatever the service; both nodes \
                  are Ready.",
        cause: "UDP 4789 is filtered between the nodes: a security group, a firewall, or a \
                hypervisor that takes VXLAN for itself (NSX uses the same port).",
        evidence: "Likely: the datagram was seen to leave one node and not to arrive at the \
                   other, both watched without a loss; or something on the way answered it with \
                   ICMP. Nothing on the way can be read. One node alone gives no verdict.",
        fix: "Let UDP 4789 (the data-path port) through between all nodes, both ways; on NSX, \
              choose another one when creating the Swarm: docker swarm init --data-path-port \
              7789.",
        references: &["photon#1321", "moby#41775"],
    }

    SOURCE_VTEP_MISMATCH: "source-vtep-mismatch" {
        title: "The node sends VXLAN from another address than it advertised",
        symptom: "Overlay traffic from one node arrives at the others and is ignored there; often \
                  after an address was added to an interface.",
        cause: "The route to the other node prefers a source address other than the advertised \
                data-path address, and the receiver discards packets of a known MAC from an \
                unknown VTEP.",
        evidence: "Proven: the receiver's kernel drops it as VXLAN_ENTRY_EXISTS; or it reached \
                   the receiver and not its VXLAN device, watched without a loss or by a drop in \
                   vxlan_rcv, and the receiver's table was read and has the sender's MAC behind \
                   another VTEP. Likely: only the sender was watched, and Docker knows it by \
                   another address. Doctor asks the kernel for the route to each node and its \
                   source.",
        fix: "Join the node again with --advertise-addr and --data-path-addr set to the address \
              it really sends from, or pin the source: ip route change … src ADVERTISED.",
        references: &["moby#53004"],
    }

    NO_ROUTE: "no-route" {
        title: "The node has no route to another node's data path",
        symptom: "Tasks on that node are silent from here, on every overlay.",
        cause: "The route is missing, or the device that had it is down.",
        evidence: "Doctor asks the kernel for the route to each node.",
        fix: "Add the missing route, or set the device up.",
        references: &[],
    }

    MTU_BLACK_HOLE: "mtu-black-hole" {
        title: "Large packets vanish: the overlay's MTU is too large for the path",
        symptom: "Connections open and small requests work, but large requests or responses (TLS \
                  handshakes, file transfers) hang.",
        cause: "The overlay's MTU plus 50 bytes of VXLAN (76 and more if encrypted) is larger \
                than the MTU between the nodes, which is 1450 or less in many clouds and VPNs, \
                and ICMP is filtered.",
        evidence: "Proven: an ICMP \"fragmentation needed\" or a drop as too big; or data that is \
                   sent again stops between the VXLAN device and the node's interface, watched \
                   without a loss, and their MTUs do not fit. Likely: data is sent again after a \
                   handshake that passed, and was last seen there or leaving for the other node. \
                   Doctor compares the overlay's MTU with the interface's (proven, but only \
                   risky: fragments may pass).",
        fix: "Create the network again with an MTU 50 below the path's: docker network create \
              --opt com.docker.network.driver.mtu=1400 … (also the ingress network), or raise \
              the MTU between the nodes.",
        references: &["moby#24906", "libnetwork#2661", "moby#41775"],
    }

    CHECKSUM_CORRUPTION: "checksum-corruption" {
        title: "Packets arrive with a wrong checksum: checksum offload breaks inside VXLAN",
        symptom: "Between two nodes ping works (and perhaps handshakes), data does not; virtual \
                  machines on VMware, or certain network cards.",
        cause: "The sending node leaves the inner checksum to hardware (vmxnet3 and others) that \
                does not know the VXLAN port or computes it wrongly; the receiving kernel \
                discards the packet.",
        evidence: "Proven: the kernel drops it for its checksum (TCP_CSUM, UDP_CSUM, IP_CSUM). \
                   Likely: data from another node reached the task three times and was never \
                   acknowledged; or doctor finds a vmxnet3 card that computes checksums.",
        fix: "On the sending node: ethtool -K DEVICE tx-checksum-ip-generic off (vmxnet3: tx \
              off); to keep it, use a udev rule or the network manager. Or choose a data-path \
              port that the hardware does not treat specially.",
        references: &["moby#41775", "swarmpit#688"],
    }
}
