//! Failures of an overlay network: its tables, devices, addresses and keys.

use super::entry::failures;

failures! {
    FDB_MISSING: "fdb-missing" {
        title: "The overlay does not know which node the address is on: its forwarding entry is \
                gone",
        symptom: "One node cannot reach one container; every other pair works.",
        cause: "The permanent forwarding entry for the address's MAC is missing from this node's \
                VXLAN device; the neighbour entry may still be there.",
        evidence: "Proven: the packet went into the VXLAN device and the kernel reports no \
                   transmit target, or it did not come out at the node's interface, which was \
                   watched without a loss; and the table was read and has no entry for its MAC. \
                   Likely: the report alone, or no entry and events lost. Doctor compares the \
                   table with the endpoints on other nodes.",
        fix: "Restart Docker on this node. As a stopgap add the entry by hand in the overlay's \
              namespace: bridge fdb replace MAC dev vxlan0 dst NODE self permanent.",
        references: &["moby#52661", "moby#53663"],
    }

    FDB_WRONG_NODE: "fdb-wrong-node" {
        title: "The overlay sends to the wrong node: its forwarding entry is stale",
        symptom: "After a task moved or its address was given to another task, one node cannot \
                  reach it.",
        cause: "The forwarding entry for the address's MAC still names the node that had the \
                address before.",
        evidence: "Proven: the VXLAN datagram was addressed to a node that Docker knows, Docker \
                   says that the address is on another, and the forwarding table was read and \
                   says the same as the datagram. Likely: it was addressed to no node that Docker \
                   knows, or the table has been corrected since. Doctor compares the entry with \
                   Docker's endpoints.",
        fix: "Restart Docker on the sending node. As a stopgap correct the entry by hand in the \
              overlay's namespace: bridge fdb replace MAC dev vxlan0 dst NODE self permanent.",
        references: &["moby#35401"],
    }

    NEIGHBOUR_WRONG: "neighbour-wrong" {
        title: "A neighbour entry of the overlay has another address's MAC",
        symptom: "One node cannot reach one container; every other pair works.",
        cause: "Docker wrote the entry for an endpoint that had the address before, or something \
                overwrote it.",
        evidence: "Proven: the sender's entry has another MAC than the device with the address, \
                   which was read on this node (or on the other one, where recordings were \
                   joined), or than the overlay's entry, which is the one that Docker derives \
                   from the address. Likely: only the derived MAC speaks against the entry. \
                   Doctor finds an entry that is not the MAC that Docker derives from the \
                   address, while that MAC is another entry's or its own forwarding entry is \
                   idle.",
        fix: "Force an update of the service, or restart Docker on the node that has the address: \
              its endpoints are announced again.",
        references: &["moby#52661", "moby#35401"],
    }

    NEIGHBOUR_MISSING_RETURN: "neighbour-missing-return" {
        title: "The task cannot answer: its node has no neighbour entry for the sender",
        symptom: "Connections through one node to one task hang; other nodes reach the same task.",
        cause: "On the task's node the overlay's neighbour entry for the other node's load \
                balancer (or client) is missing, so the answer cannot be sent.",
        evidence: "Proven: the SYN reached the task and a drop for an unresolved neighbour \
                   follows in its namespace, or nothing left the task, which was watched without \
                   a loss; and the overlay's neighbour table was read and has no entry for the \
                   sender. Likely: the drop alone. Doctor finds no entry for another node's load \
                   balancer, or none of that load balancer's entries (likely: the node has tasks \
                   on the network, so it has one).",
        fix: "Restart Docker on the task's node. As a stopgap add the entries there by hand in \
              the overlay's namespace: ip neigh replace ADDRESS lladdr MAC dev vxlan0 nud \
              permanent.",
        references: &["moby#52661"],
    }

    DUPLICATE_ADDRESS: "duplicate-address" {
        title: "Two endpoints share one overlay address",
        symptom: "Connections to one task alternate between working, reset, and another \
                  service's answer.",
        cause: "Docker's address management gave one address to two endpoints: after a leader \
                change, or a restore of an old cluster state.",
        evidence: "Proven: two devices on the same overlay of this node have the address that \
                   the failing connection went to. Likely: Docker itself lists two owners of it. \
                   Doctor compares the addresses of tasks, services and devices.",
        fix: "Replace both tasks one after the other (docker service update --force): they get \
              new addresses. If it happens again, create the network again.",
        references: &["moby#33795", "swarmkit#2871"],
    }

    OVERLAY_NETWORK_ABSENT: "overlay-network-absent" {
        title: "The receiving node does not have the overlay network",
        symptom: "Every connection to tasks on one node hangs or gets \"connection refused\" \
                  (UDP: port unreachable between the nodes).",
        cause: "The node has no VXLAN device for the network: no task of it runs there any more, \
                Docker failed to set the network up (another program holds UDP 4789), or Docker \
                is down.",
        evidence: "Proven: the kernel reports that it found no device of the VNI, or the datagram \
                   stopped at the node and its devices, read in full, have none of that VNI. \
                   Likely: the node answers with ICMP port unreachable, or the kernel found no \
                   socket.",
        fix: "Restart Docker on the receiving node, and see its log for \"failed to create vxlan\" \
              or \"address already in use\"; free UDP 4789 or choose another data-path port.",
        references: &["moby#33416", "moby#35401"],
    }

    DEVICE_DOWN: "device-down" {
        title: "A device of an overlay or a load balancer is down",
        symptom: "Nothing passes the device: one network, one port or the whole mesh of the node \
                  is silent.",
        cause: "Somebody set it down, or Docker could not set it up: a VXLAN device stays down \
                while another process has its UDP port.",
        evidence: "Proven: the packet stopped before a device on its way, its task had not been \
                   stopped, and the device's flags were read: it is down. Doctor reads the flags \
                   of the devices of overlays and load balancers.",
        fix: "ip link set DEVICE up in its namespace. If that fails, the message says why.",
        references: &["moby#33416"],
    }

    DATA_PATH_PORT_TAKEN: "data-path-port-taken" {
        title: "Another process has the data path's UDP port",
        symptom: "Tasks on overlays fail to start on one node, or other nodes cannot reach them.",
        cause: "The process bound the port (4789 unless chosen otherwise) before Docker set up \
                a VXLAN device.",
        evidence: "Doctor reads the sockets: the port's process is not Docker's or the kernel's.",
        fix: "Stop the process or move it to another port; or create the Swarm again with \
              another --data-path-port.",
        references: &["moby#33416"],
    }

    DATA_PATH_PORT_WRONG: "data-path-port-wrong" {
        title: "A VXLAN device sends to another UDP port than the Swarm's",
        symptom: "Tasks of one network on one node and those on other nodes do not reach each \
                  other.",
        cause: "The device was made while the Swarm had another data-path port, and keeps it.",
        evidence: "Doctor compares the device's port with Docker's data-path port.",
        fix: "Move the network's tasks away from this node and back: Docker makes the device \
              again.",
        references: &["moby#33416"],
    }

    OVERLAY_MTU_MIXED: "overlay-mtu-mixed" {
        title: "Devices of one overlay have different MTUs",
        symptom: "Connections open and small requests work, but large ones hang.",
        cause: "A device drops packets larger than its MTU without an answer: within an overlay \
                nothing sends ICMP \"too big\".",
        evidence: "Doctor compares the MTUs of the overlay's devices on this node.",
        fix: "Give them one MTU: ip link set DEVICE mtu MTU in each namespace.",
        references: &["libnetwork#2661"],
    }

    OVERLAY_ENCRYPTION: "overlay-encryption" {
        title: "The packet does not get through the encrypted overlay",
        symptom: "A network created with --opt encrypted works within one node and not between \
                  nodes, or stopped after a key rotation or a kernel update.",
        cause: "ESP (IP protocol 50) is blocked between the nodes, the algorithm or the xfrm \
                modules are missing from the kernel, or the nodes' security associations differ.",
        evidence: "Likely: the network is encrypted and the kernel reports a drop in xfrm or ESP, \
                   or the packet entered the tunnel on one node and did not leave it on the \
                   other, both watched without a loss. One node alone gives no verdict. Doctor \
                   finds a missing security association or policy.",
        fix: "Let protocol 50 through between the nodes (cloud security groups list it apart from \
              TCP and UDP); modprobe esp4 xfrm_user; restart Docker on both nodes to exchange \
              keys again.",
        references: &["moby#30727", "moby#37115"],
    }

    ENCRYPTION_MARK_MISSING: "encryption-mark-missing" {
        title: "No rule marks packets for encryption",
        symptom: "Tasks on an encrypted overlay do not reach other nodes.",
        cause: "The mangle rule that marks the overlay's packets is gone. Without the mark the \
                encryption policy does not apply: packets leave in clear, and the other nodes drop \
                them.",
        evidence: "Likely: a datagram of the network was seen in clear at a node's interface, and \
                   Docker says that the network is encrypted; a missing policy looks the same. \
                   Doctor looks for the mark 0xd0c4e3 in the node's mangle table.",
        fix: "Move the network's tasks away from this node and back: Docker writes the rule again.",
        references: &["moby#30727"],
    }
}
