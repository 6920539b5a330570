//! Failures of the two ends of a connection: the task and the client.

use super::entry::failures;

failures! {
    NO_LISTENER: "no-listener" {
        title: "Nothing listens on the port in the task",
        symptom: "\"Connection refused\" at once, on every connection that goes to that task.",
        cause: "The process in the container does not listen on the target port: it listens on \
                another, on 127.0.0.1 only, or has died while its container lives.",
        evidence: "Proven: the reset was first seen leaving the task, and the kernel reports that \
                   it had no socket for the packet (kernels from 6.10 on). Likely: without that \
                   report, or the reset (UDP: ICMP port unreachable) was first seen at the other \
                   end of the task's device.",
        fix: "Have the process listen on 0.0.0.0 and the target port, or correct the published \
              target port: docker service update --publish-rm/--publish-add. A health check \
              keeps traffic away from a task that does not listen.",
        references: &[],
    }

    TASK_STARTING: "task-starting" {
        title: "The task was still starting: it did not listen yet",
        symptom: "\"Connection refused\" for some seconds after a deployment, an update or a \
                  restart.",
        cause: "Swarm adds a task to the load balancer as soon as it runs; without a health check \
                that is before its process listens.",
        evidence: "Proven: as for no-listener, and Docker's events say that the task was \
                   starting.",
        fix: "Give the image a HEALTHCHECK: Swarm then waits for it before sending traffic. Update \
              with --update-order start-first.",
        references: &["moby#30321"],
    }

    TASK_STOPPING: "task-stopping" {
        title: "The task was stopping: its port was closed while connections still came",
        symptom: "\"Connection refused\" for some seconds in every rolling update or scale-down.",
        cause: "The process closed its port on SIGTERM before every node had removed the task \
                from its load balancer.",
        evidence: "Proven: the reset was first seen leaving the task, and Docker's events say \
                   that it had been stopped.",
        fix: "Have the process keep accepting for some seconds after SIGTERM (a stop hook that \
              sleeps), with --stop-grace-period longer than that.",
        references: &["moby#30321", "moby#44815"],
    }

    TASK_FIREWALL: "task-firewall" {
        title: "The firewall in the task's namespace stops the packet",
        symptom: "One port of a task is silent over the ingress network, though the process \
                  listens.",
        cause: "Docker lets only published ports in on the ingress network; the port is not (or \
                no longer) published, or the rules in the task's namespace are stale or another \
                program's. A packet that was damaged on the way is stopped by the same rules: to \
                conntrack it is INVALID, so they do not know it for a published port's.",
        evidence: "Likely: a netfilter drop in the task's namespace, or an ICMP error born in the \
                   task that only a firewall sends: port unreachable in answer to TCP, or \
                   prohibited. Doctor walks the task's INPUT chain with the target port.",
        fix: "Publish the port (docker service update --publish-add), or reach the task over an \
              overlay network of your own instead of ingress; if it is published, replace the \
              task (docker service update --force). If only connections from another node are \
              stopped, see checksum-corruption.",
        references: &[],
    }

    TASK_REDIRECT_MISSING: "task-redirect-missing" {
        title: "A task does not redirect the published port to its target port",
        symptom: "Connections through the routing mesh are refused or time out at one task.",
        cause: "The REDIRECT rule in the task's namespace is missing or names another port. \
                Connections arrive at the published port, where nothing listens.",
        evidence: "Doctor walks the task's nat PREROUTING chain with a balanced packet.",
        fix: "docker service update --force SERVICE: new tasks get new rules.",
        references: &[],
    }

    TASK_RESET: "task-reset" {
        title: "The task's own process reset the connection",
        symptom: "\"Connection reset by peer\" in the middle of a request; the network works.",
        cause: "The process closed the connection with unread data in its buffer, crashed, or \
                aborts connections on purpose (a timeout, a limit).",
        evidence: "Proven: the reset of an open connection was first seen leaving the task, and \
                   the kernel reports that a socket in the task sent it. Likely: without that \
                   report: a packet filter resets, too.",
        fix: "Look at the application: read a request to its end before closing, raise its idle \
              or request timeout above the client's, and look for crashes in docker service logs.",
        references: &[],
    }

    TASK_STOPPED_MIDSTREAM: "task-stopped-midstream" {
        title: "The task was stopped with the connection still open",
        symptom: "Connections break in rolling updates and scale-downs.",
        cause: "The container was stopped (SIGKILL after the grace period, or a process that \
                exits at once) and its kernel reset what was open.",
        evidence: "Proven: the reset of an open connection was first seen leaving the task, the \
                   kernel reports that a socket in the task sent it, and Docker's events say that \
                   the task had been stopped. Likely: without the kernel's report.",
        fix: "Have the process finish its connections on SIGTERM and give it time: \
              --stop-grace-period. For long-lived connections, have clients reconnect.",
        references: &["moby#30321", "moby#44815"],
    }

    CLIENT_RESET: "client-reset" {
        title: "The client itself reset the connection",
        symptom: "The server logs \"connection reset by peer\".",
        cause: "The client's process gave up (a timeout, a cancelled request) or closed with \
                unread data; health checks and port scanners do it by design.",
        evidence: "Proven: the client is a process of this node, its reset was first seen leaving \
                   it, and the kernel reports that its socket sent it. Likely: the reset came in \
                   where the client's packets come in.",
        fix: "Nothing to repair in the Swarm. If it is a timeout, look at how long the answer took \
              in the timeline.",
        references: &[],
    }
}
