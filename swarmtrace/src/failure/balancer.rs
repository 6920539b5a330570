//! Failures of a load balancer: `ingress_sbox`, or a network's `lb_…`.

use super::entry::failures;

failures! {
    IPVS_NO_DESTINATION: "ipvs-no-destination" {
        title: "The load balancer has no task to send to",
        symptom: "\"Connection refused\" at once on every connection, through every node or \
                  through one.",
        cause: "The service has no running (healthy) task, or this node never learnt of the \
                tasks on other nodes (gossip on TCP/UDP 7946 blocked), or every destination has \
                weight 0.",
        evidence: "Proven: the sandbox itself answered with ICMP port unreachable, or the packet \
                   stopped in it, watched without a loss, and its IPVS service was read and has \
                   no destination with weight. Likely: the same answer, and the table could not \
                   be read or has a destination by now. Doctor compares IPVS with the service's \
                   running tasks: none of them is a destination that takes connections.",
        fix: "Look at `docker service ps`: start tasks or repair their health check. If tasks \
              run, open TCP and UDP 7946 between the nodes and restart Docker on this node.",
        references: &["moby#26351"],
    }

    IPVS_DESTINATION_MISSING: "ipvs-destination-missing" {
        title: "The load balancer does not send to one of the running tasks",
        symptom: "A task gets no connections through one node; the others carry its share.",
        cause: "Docker lost the gossip message that announces the task, or failed to add the \
                destination.",
        evidence: "Doctor compares IPVS with the service's running tasks. Where no task is a \
                   destination, the failure is ipvs-no-destination.",
        fix: "docker service update --force SERVICE: its tasks are announced again.",
        references: &[],
    }

    STALE_BACKEND: "stale-backend" {
        title: "The load balancer still sends to a task that is gone",
        symptom: "One connection in N hangs or gets \"no route to host\", where N is the number \
                  of tasks, since an update, a crash or the loss of a node. UDP clients keep \
                  hitting it.",
        cause: "The task ended and its IPVS destination was not removed on this node (gossip \
                lost, Docker busy), or a UDP conntrack entry outlived it.",
        evidence: "Proven: the load balancer chose an address, nothing answered, and Docker's \
                   events say that its task had stopped. Likely: no running task that Docker \
                   knows of has the address. Doctor compares IPVS with the service's tasks.",
        fix: "Restart Docker on this node, or force an update of the service (docker service \
              update --force). As a stopgap remove the destination: ipvsadm -d -f MARK -r \
              ADDRESS:0 in the sandbox; for UDP, conntrack -D -d ADDRESS.",
        references: &["moby#41896", "moby#36878", "moby#33790"],
    }

    IPVS_SERVICE_MISSING: "ipvs-service-missing" {
        title: "The load balancer does not know the service: its mark rule or IPVS service is \
                missing",
        symptom: "\"Connection refused\" at once, through one node; the task sees nothing.",
        cause: "The mangle rule that marks the port is missing in the sandbox (or is in the \
                iptables flavour that the kernel does not consult), or the IPVS service for the \
                mark is missing.",
        evidence: "Proven: a reset in answer to the SYN that the sandbox itself sent (the kernel \
                   says so, or its inner side was watched without a loss and saw no reset), and \
                   IPVS was read and has no service for the mark. Likely: IPVS has the service, \
                   so the mark should be what is missing. Doctor walks the mangle table and looks \
                   up the mark in IPVS, and says which of the two is missing.",
        fix: "Restart Docker on this node. Use one iptables flavour (update-alternatives --config \
              iptables) for the host and every program that writes rules.",
        references: &["moby#46636"],
    }

    IPVS_SERVICE_UNUSED: "ipvs-service-unused" {
        title: "An IPVS service has a mark that no rule sets",
        symptom: "None while the service is a leftover; \"connection refused\" where its rule was \
                  removed.",
        cause: "Docker left the IPVS service behind, or a program removed the rule that marks \
                its packets.",
        evidence: "Doctor compares the marks of IPVS with those that the mangle table sets. A \
                   note where the service has no destination.",
        fix: "Remove a leftover: ipvsadm -D -f MARK in the sandbox. Otherwise restart Docker on \
              this node.",
        references: &["moby#46636"],
    }

    IPVS_CONN_REUSE: "ipvs-conn-reuse" {
        title: "The load balancer dropped the first SYN: the connection waits a second for the \
                next",
        symptom: "Some connections take one second (three, seven) longer, the more the busier the \
                  client: a proxy or a load test with many short connections.",
        cause: "The client reused a source port that IPVS still remembers; with conn_reuse_mode=1 \
                and conntrack, IPVS drops such a SYN.",
        evidence: "Likely: the SYN went into the sandbox and not out of it while a later one did, \
                   both sides watched without a loss; or the kernel reports a netfilter drop in \
                   the sandbox. Doctor reads net.ipv4.vs.conn_reuse_mode.",
        fix: "sysctl -w net.ipv4.vs.conn_reuse_mode=0 in the sandbox (Docker 20.10 and later set \
              it). On kernels before 5.9 also give clients keep-alive or more source ports.",
        references: &["moby#35082"],
    }

    IPVS_CONNECTION_FORGOTTEN: "ipvs-connection-forgotten" {
        title: "The load balancer had forgotten the connection and reset it",
        symptom: "Long-lived connections (database pools, gRPC, AMQP) break after about 15 \
                  minutes without traffic: \"connection reset by peer\" on the next query.",
        cause: "IPVS drops the entry of a TCP connection that is idle for 900 seconds (120 after \
                a FIN), or lost it because its destination was removed.",
        evidence: "Likely: a reset of an open connection was first seen leaving the sandbox for \
                   the client.",
        fix: "Have clients or servers send TCP keep-alives more often than every 900 s: \
              net.ipv4.tcp_keepalive_time=600 in the service (docker service update \
              --sysctl-add), or the pool's own idle limit. Or use endpoint_mode dnsrr, which has \
              no load balancer.",
        references: &["moby#31208", "moby#37822", "moby#29655"],
    }

    IPVS_SETTING: "ipvs-setting" {
        title: "A setting of IPVS differs from what Docker sets",
        symptom: "Connections to a task that is gone linger, or clients stick to it.",
        cause: "A program changed net.ipv4.vs.expire_nodest_conn or \
                net.ipv4.vs.expire_quiescent_template in the load balancer's namespace.",
        evidence: "Doctor reads the settings in each load balancer's namespace. \
                   net.ipv4.vs.conntrack is snat-missing, net.ipv4.vs.conn_reuse_mode is \
                   ipvs-conn-reuse.",
        fix: "Set it back: sysctl -w SETTING=VALUE in the sandbox.",
        references: &[],
    }

    SNAT_MISSING: "snat-missing" {
        title: "The load balancer does not rewrite the source: tasks answer the client past it",
        symptom: "Connections through one node hang; the task sees the client's own address.",
        cause: "The SNAT rule of the sandbox's nat POSTROUTING chain is gone, or IPVS does not \
                track its connections (net.ipv4.vs.conntrack=0), so that no NAT rule applies to \
                them.",
        evidence: "Likely: the connection failed, and its opening packet left the load balancer \
                   (or came out of the overlay) still under the client's own address, on a \
                   network without DSR. Doctor walks nat POSTROUTING with a balanced packet and \
                   reads net.ipv4.vs.conntrack.",
        fix: "Restart Docker on the node that balances. If it comes back, sysctl -w \
              net.ipv4.vs.conntrack=1 in the sandbox and find out what else writes its rules.",
        references: &["moby#40374"],
    }

    SNAT_WRONG_ADDRESS: "snat-wrong-address" {
        title: "The load balancer rewrites sources to an address that is not its own",
        symptom: "Connections through one node hang, although the tasks answer.",
        cause: "The load balancer got another address and its SNAT rule was not rewritten.",
        evidence: "Doctor walks nat POSTROUTING with a balanced packet and compares the rule's \
                   address with the device's.",
        fix: "Restart Docker on this node.",
        references: &["moby#40374"],
    }

    REPLY_NOT_TRANSLATED: "reply-not-translated" {
        title: "The answer comes back under the task's own address: NAT was not undone",
        symptom: "Sporadic resets, more under load or with lossy clients; the task sees resets \
                  from a peer that had just connected.",
        cause: "Conntrack took a packet for INVALID (out of window, a late retransmission) and let \
                it pass without translating it back, or the entry was gone.",
        evidence: "Likely: the answer was seen at a device under another source than the address \
                   that went forward through it, and the connection failed. The connection \
                   tracking entry was not read.",
        fix: "Drop INVALID packets instead of passing them on: iptables -I FORWARD -m conntrack \
              --ctstate INVALID -j DROP in the sandbox, or \
              net.netfilter.nf_conntrack_tcp_be_liberal=1 there.",
        references: &["moby#40374"],
    }

    SANDBOX_IP_FORWARD: "sandbox-ip-forward" {
        title: "The load balancer does not pass answers back: ip_forward is off in its sandbox",
        symptom: "Every connection through one node hangs, though the task answers each.",
        cause: "net.ipv4.ip_forward=0 in ingress_sbox (or lb_…): a hardening script, or a sandbox \
                that was set up while the node had it off.",
        evidence: "Likely: the answer came into the sandbox and the kernel dropped it there as \
                   not forwardable (IP_INADDRERRORS, ip_error), or it was not seen to leave, and \
                   the way out was watched without a loss. Doctor reads the setting.",
        fix: "sysctl -w net.ipv4.ip_forward=1 in the sandbox, and in the node's sysctl.d so that \
              new sandboxes inherit it.",
        references: &[],
    }

    NEIGHBOUR_MISSING: "neighbour-missing" {
        title: "The load balancer cannot reach the task it chose: no neighbour entry for it",
        symptom: "\"No route to host\" after about three seconds, through one node, for one task.",
        cause: "The overlay's neighbour entry for the task's address is missing on this node: \
                Docker lost a gossip message or failed to write the entry.",
        evidence: "Proven: a drop for an unresolved neighbour in the sandbox names the \
                   destination, or ICMP host unreachable was sent by the sandbox itself and every \
                   destination is in question, and the overlay's neighbour table was read and has \
                   no entry for it. Likely: one without the other. No verdict where the table was \
                   read and has every entry, unless the kernel reports the drop. Doctor compares \
                   the neighbour table with the tasks on other nodes.",
        fix: "Restart Docker on this node, or move the task (docker service update --force). As \
              a stopgap add the entries by hand in the overlay's namespace: ip neigh replace \
              ADDRESS lladdr MAC dev vxlan0 nud permanent, and the forwarding entry that goes \
              with it.",
        references: &["moby#35807", "moby#52661"],
    }

    LOAD_BALANCER_MISSING: "load-balancer-missing" {
        title: "An overlay has no load balancer on this node",
        symptom: "Containers of this node get no answer from a service's virtual address.",
        cause: "Docker did not create the network's `lb_…` namespace, or lost it.",
        evidence: "Doctor finds a local container on the overlay and services with virtual \
                   addresses, and no load balancer's namespace.",
        fix: "Restart Docker on this node, or move the network's tasks away and back (docker node \
              update --availability drain, then active).",
        references: &[],
    }

    SANDBOX_DETACHED: "sandbox-detached" {
        title: "A load balancer is not attached to its network",
        symptom: "Published ports of one node, or the virtual addresses of one network, are \
                  silent.",
        cause: "The sandbox lost its device on docker_gwbridge or on the overlay.",
        evidence: "Doctor follows the wiring of the sandbox's devices.",
        fix: "Restart Docker on this node: it attaches the sandbox again.",
        references: &["moby#36876"],
    }

    VIRTUAL_ADDRESS_MISSING: "virtual-address-missing" {
        title: "A load balancer does not have a service's virtual address",
        symptom: "Containers of one node cannot connect to the service by name.",
        cause: "Nothing on the overlay answers ARP for the address: Docker did not add it, or \
                another program removed it.",
        evidence: "Proven: the client's packet got no further than its network's load balancer, \
                   whose devices were read and do not have the address. Doctor compares the load \
                   balancer's addresses with the services'.",
        fix: "Restart Docker on this node, or scale the service to 0 and back.",
        references: &[],
    }
}
