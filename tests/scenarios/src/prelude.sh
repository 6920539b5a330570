# Functions for the scripts of scenarios, on a node.
in_ns() { netns=$1; shift; /usr/bin/nsenter --net=$netns "$@"; }
sbox() { in_ns /run/docker/netns/ingress_sbox "$@"; }
lb() { in_ns /run/docker/netns/lb_* "$@"; }
# The namespace of an overlay network, by its name: ov NETWORK COMMAND...
ov() { netns=$(docker network inspect -f '{{slice .Id 0 10}}' $1); shift; in_ns /run/docker/netns/*-$netns "$@"; }
container() { docker ps -q -f name=$1. | head -n1; }
task() { netns=$(docker inspect -f '{{.NetworkSettings.SandboxKey}}' $(container $1)); shift; in_ns $netns "$@"; }
# A local task's address: address SERVICE NETWORK
address() { docker inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" $(container $1); }
# The sandbox's device that has an address beginning so: device TASK|sbox 10.0.0.
device() { who=$1; shift; $who ip -o -4 addr | sed -n "s/^[0-9]*: \([^ ]*\) .*inet $1.*/\1/p" | head -n1; }
# vote's mark in ingress_sbox; its tasks there; the one of them on the other node
mark() { echo $(($(sbox iptables -t mangle -S PREROUTING | sed -n 's/.*--dport 8080 .*set-xmark \(0x[0-9a-f]*\).*/\1/p'))); }
tasks() { sbox ipvsadm -Sn | sed -n "s/^-a -f $(mark) -r \([0-9.]*\):.*/\1/p"; }
remote() { here=$(address vote ingress); tasks | grep -vxF "$here"; }
mac() { printf '02:42:%02x:%02x:%02x:%02x' $(echo $1 | tr . ' '); }
# vote's mark among the virtual addresses of overlay1
vip() { docker service inspect -f '{{range .Endpoint.VirtualIPs}}{{.Addr}} {{end}}' vote | tr ' ' '\n' | sed -n 's/^\(10\.0\.1\.[0-9]*\).*/\1/p'; }
# In the VM: a second wire between the nodes and the external client, 192.168.91.0/24
# with the same last numbers; eth1 of both nodes
second_wire() {
  ip link add wire2 type bridge; ip addr add 192.168.91.254/24 dev wire2; ip link set wire2 up
  # Whom it asks for answers only if its own route leads back there: ask as a neighbour.
  sysctl -qw net.ipv4.conf.wire2.arp_announce=2
  for number in 1 2; do
    node=node-a; [ $number = 2 ] && node=node-b
    ip link add $node-2 type veth peer name eth1 netns $node
    ip link set $node-2 master wire2 up
    ip -n $node addr add 192.168.91.$number/24 dev eth1; ip -n $node link set eth1 up
  done
}
