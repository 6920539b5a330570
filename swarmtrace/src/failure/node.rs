//! Failures of a node, before a packet gets to a load balancer.

use super::entry::failures;

failures! {
    INGRESS_DNAT_MISSING: "ingress-dnat-missing" {
        title: "The node answers the published port itself: its DOCKER-INGRESS rule is missing",
        symptom: "Connections to the published port of one node open and then hang, or are \
                  refused. The other nodes work.",
        cause: "The DNAT rule of the DOCKER-INGRESS chain, the chain or the jump to it is gone \
                (`iptables -F`, a firewalld reload). The packet stays on the node, where Docker's \
                reservation of the port accepts the connection and nothing reads from it.",
        evidence: "Likely: the port is published through the routing mesh, the node's own SYN-ACK \
                   or RST was seen, and nothing went through docker_gwbridge, which was watched \
                   without a loss. Otherwise there is no verdict. Doctor walks the nat table with \
                   a client's packet and finds no DNAT to ingress_sbox.",
        fix: "Restart Docker on the node: it writes the chain again. Have the program that \
              flushed the rules leave Docker's chains alone (firewalld: put docker_gwbridge in \
              the docker zone).",
        references: &["moby#50443", "firewalld#503"],
    }

    INGRESS_DNAT_ELSEWHERE: "ingress-dnat-elsewhere" {
        title: "Another rule redirects the published port before it gets to the routing mesh",
        symptom: "The published port of one node is answered by another program, or not at all.",
        cause: "Another program's DNAT or REDIRECT rule comes before Docker's, or Docker's own \
                rule still names an address that ingress_sbox no longer has.",
        evidence: "Doctor walks the nat table with a client's packet: the first rule that \
                   decides sends it to another address than ingress_sbox's.",
        fix: "Remove that rule, unless it is wanted. Where it is Docker's own, restart Docker on \
              the node.",
        references: &["moby#36876"],
    }

    INGRESS_DROPPED: "ingress-dropped" {
        title: "A rule drops clients' packets before Docker's rules see them",
        symptom: "The published port of one node is silent; the service works from within.",
        cause: "A rule of the raw table drops the packet before the nat table can rewrite it.",
        evidence: "Doctor walks raw PREROUTING with a client's packet, and a rule drops it.",
        fix: "Remove or narrow that rule, in the configuration of the program that wrote it too.",
        references: &[],
    }

    INGRESS_IPV6: "ingress-ipv6" {
        title: "The client came by IPv6, which the routing mesh does not forward",
        symptom: "`localhost:PORT` or a name with an AAAA record hangs; 127.0.0.1:PORT works.",
        cause: "The routing mesh is IPv4 only. Before 29.8, Docker's reservation of the port \
                listens on IPv6 too and accepts connections that nothing reads from.",
        evidence: "Likely: as for ingress-dnat-missing, and the client dialled an IPv6 address.",
        fix: "Have clients dial an IPv4 address (127.0.0.1 instead of localhost), drop the AAAA \
              record, or upgrade Docker to 29.8, which refuses such connections at once.",
        references: &["moby#28492", "moby#53091"],
    }

    HOST_PORT_NOT_FORWARDED: "host-port-not-forwarded" {
        title: "The node has no task behind this host-mode port",
        symptom: "A port published with mode=host is refused on some nodes.",
        cause: "Docker forwards such a port only on nodes that run a task of the service. \
                Elsewhere, or where the DNAT rule is gone, the node itself answers.",
        evidence: "Likely: the port is published in host mode, the node's own answer was seen, \
                   and nothing went through docker_gwbridge, which was watched without a loss.",
        fix: "Dial a node that runs a task, or publish the port with mode=ingress. Where a task \
              does run on the node, restart its container: Docker then writes the DNAT rule again.",
        references: &[],
    }

    PUBLISHED_PORT_TAKEN: "published-port-taken" {
        title: "Another process listens on a published port",
        symptom: "A program on the node gets no connections from outside; or, once Docker's \
                  rules are gone, it answers in place of the service.",
        cause: "The process bound the port before Docker reserved it. The rules of the routing \
                mesh come first.",
        evidence: "Doctor reads the listening sockets: the port's process is not Docker's.",
        fix: "Publish the service on another port, or move the process to another.",
        references: &[],
    }

    LOCAL_MASQUERADE_MISSING: "local-masquerade-missing" {
        title: "The node's own clients keep a source address that the sandbox cannot answer",
        symptom: "`curl localhost:PORT` on the node hangs; clients from outside work.",
        cause: "The MASQUERADE rule for local clients on docker_gwbridge is gone.",
        evidence: "Doctor walks nat POSTROUTING with a packet from 127.0.0.1 to ingress_sbox, \
                   and no rule rewrites its source.",
        fix: "Restart Docker on the node: it writes the rule again.",
        references: &["moby#50443"],
    }

    INGRESS_SANDBOX_GONE: "ingress-sandbox-gone" {
        title: "The routing mesh's sandbox is gone, or has another address than the node sends to",
        symptom: "All published ports of one node are silent, or answer \"no route to host\".",
        cause: "Docker did not create ingress_sbox again after a restart or a change of the \
                ingress network, or docker_gwbridge gave it another address than the DNAT rule \
                has, or it does not answer ARP.",
        evidence: "Proven: the opening packet stopped at docker_gwbridge or in the sandbox, or the \
                   kernel could not resolve the sandbox's address, and no ingress_sbox has the \
                   address. Likely: the address is right and was not resolved. Doctor finds no \
                   ingress_sbox although ports are published (proven), or a failed neighbour \
                   entry for its address (likely).",
        fix: "Restart Docker on the node. If the sandbox does not come back, drain the node, \
              `docker swarm leave`, remove docker_gwbridge and join again.",
        references: &["moby#24400", "moby#36876"],
    }

    FORWARD_DROP: "forward-drop" {
        title: "The node's firewall does not forward between its interface and docker_gwbridge",
        symptom: "A published port is silent from outside on one node; the service works from \
                  within.",
        cause: "The policy of the FORWARD chain is DROP, or another program's rule drops what \
                Docker forwards, ahead of Docker's own rules.",
        evidence: "Likely: a netfilter drop in the node's own namespace; or the node itself \
                   answered that it is prohibited and passed nothing on; or the next device was \
                   watched without a loss and the packet did not reach it. The rule was not read. \
                   Doctor walks FORWARD with a client's packet and its answer, and one of them is \
                   dropped.",
        fix: "Accept forwarding to and from docker_gwbridge ahead of the rule that drops: \
              iptables -I DOCKER-USER -o docker_gwbridge -j ACCEPT. Where Docker's own jump from \
              FORWARD is missing, restart Docker.",
        references: &["photon#558"],
    }

    IP_FORWARD_OFF: "ip-forward-off" {
        title: "The node does not forward packets: IP forwarding is off",
        symptom: "All published ports of one node are silent, and its containers cannot get out.",
        cause: "net.ipv4.ip_forward, or the forwarding of one device, is 0: a program reset it \
                after Docker had set it.",
        evidence: "Doctor reads the setting in the node's own namespace. In a load balancer's \
                   namespace the same is sandbox-ip-forward.",
        fix: "sysctl -w net.ipv4.ip_forward=1, and the same in the node's sysctl.d.",
        references: &[],
    }

    REVERSE_PATH_FILTER: "reverse-path-filter" {
        title: "Reverse-path filtering drops the packet: its source is not behind this device",
        symptom: "On nodes with several interfaces or policy routing, connections by one \
                  interface are silent.",
        cause: "net.ipv4.conf.*.rp_filter=1 drops packets whose answer would leave by another \
                device.",
        evidence: "Proven: a drop with the kernel's reason IP_RPFILTER.",
        fix: "Set rp_filter to 2 (loose) on the device, or correct the routes.",
        references: &[],
    }

    HAIRPIN_WITHOUT_BR_NETFILTER: "hairpin-without-br-netfilter" {
        title: "A container dials its own node's published port, and the answer bypasses NAT",
        symptom: "Containers cannot reach services by their own node's address and published \
                  port; other clients can.",
        cause: "docker_gwbridge switches the answer straight to the container. Without \
                br_netfilter, conntrack does not see it and does not translate it back, so the \
                container resets a connection that it never opened.",
        evidence: "Likely: the client is a container on docker_gwbridge, and the answer reached \
                   its port under the sandbox's address instead of the node's. Doctor reads that \
                   br_netfilter is not loaded or net.bridge.bridge-nf-call-iptables is 0.",
        fix: "modprobe br_netfilter and sysctl -w net.bridge.bridge-nf-call-iptables=1; to keep \
              them, name both in modules-load.d and sysctl.d. Or have containers use the \
              service's name on a shared overlay network.",
        references: &["libnetwork#2227", "moby#53723"],
    }

    KERNEL_MODULE_MISSING: "kernel-module-missing" {
        title: "A kernel module that the Swarm needs is not loaded",
        symptom: "Services are not balanced, or encrypted overlays carry nothing, on one node.",
        cause: "Docker could not load the module: the running kernel does not have it, or its \
                package of extra modules is not installed.",
        evidence: "Doctor reads the list of loaded and built-in modules, and finds nothing that \
                   the module would do at work.",
        fix: "modprobe MODULE, then restart Docker. Where there is no such module, install the \
              kernel's package of extra modules, or another kernel.",
        references: &[],
    }

    IPTABLES_MIXTURE: "iptables-mixture" {
        title: "Rules are in iptables-legacy and iptables-nft at once",
        symptom: "Packets are dropped or redirected by rules that `iptables -S` does not show.",
        cause: "The iptables backend was switched while rules were in place, or two programs use \
                one each. A packet passes both sets.",
        evidence: "Doctor reads both sets. Risky where Docker's own rules are in both, one of \
                   them stale; a note where they are in one.",
        fix: "Choose one backend (update-alternatives --config iptables), flush the rules of the \
              other, restart the node.",
        references: &["moby#46636"],
    }

    RULE_NOT_FOLLOWED: "rule-not-followed" {
        title: "A firewall rule decides by something that doctor does not know of the packet",
        symptom: "Perhaps none; perhaps some clients are dropped.",
        cause: "The rule asks for a property (a client's address, a set, a rate) that depends \
                on the packet.",
        evidence: "Unknown: doctor walked the rules and could not say whether this one applies. \
                   Always a note.",
        fix: "If clients have trouble, see whether the rule is meant for them.",
        references: &[],
    }
}
