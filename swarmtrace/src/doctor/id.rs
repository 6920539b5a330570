//! The names of findings, as scripts and tests know them: what is said of a
//! finding may be worded anew, its name stays.

use serde::Serialize;

/// What kind of finding it is; in JSON `ipvs-destination-missing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Id {
    /// The load balancer of another node has no entries here.
    BalancerUnknown,
    /// br_netfilter is absent or switched off.
    BridgeNetfilterOff,
    /// A card that computes wrong checksums of VXLAN's inner packets.
    ChecksumOffload,
    /// A process has the data path's UDP port.
    DataPathPortTaken,
    /// A VXLAN device sends to another port than the Swarm's.
    DataPathPortWrong,
    /// A device of Docker's is down.
    DeviceDown,
    /// Two have one address.
    DuplicateAddress,
    /// No rule marks packets for encryption.
    EncryptionMarkMissing,
    /// Associations or policies are missing.
    EncryptionStateMissing,
    /// No forwarding entry for an address elsewhere.
    ForwardingEntryMissing,
    /// A forwarding entry leads to a node that does not have the address.
    ForwardingEntryWrongNode,
    /// FORWARD drops what is for or from the routing mesh.
    ForwardDrops,
    /// A DNAT of somebody else's comes first, or Docker's is stale.
    IngressDnatElsewhere,
    /// DOCKER-INGRESS, its jump or a port's DNAT is gone.
    IngressDnatMissing,
    /// A client's packets are dropped before the DNAT.
    IngressDropped,
    /// `ingress_sbox` is absent.
    IngressSandboxMissing,
    /// `ingress_sbox` does not answer ARP.
    IngressSandboxSilent,
    /// IP forwarding is off.
    IpForwardOff,
    /// iptables-legacy and iptables-nft at once.
    IptablesMixture,
    /// A running task is no destination.
    IpvsDestinationMissing,
    /// A destination is no running task.
    IpvsDestinationStale,
    /// A mark without an IPVS service.
    IpvsServiceMissing,
    /// An IPVS service whose mark no rule sets.
    IpvsServiceUnused,
    /// A setting under net.ipv4.vs.
    IpvsSetting,
    /// No destination takes connections.
    IpvsWeightsZero,
    /// A kernel module is absent.
    KernelModuleMissing,
    /// An overlay has no load balancer here.
    LoadBalancerMissing,
    /// The node's own clients keep their source address.
    LocalMasqueradeMissing,
    /// A published port or virtual address gets no mark.
    MarkRuleMissing,
    /// No neighbour entry for an address elsewhere.
    NeighbourMissing,
    /// A neighbour entry with another's MAC address.
    NeighbourWrong,
    /// The node's firewall drops the Swarm's own traffic.
    NodeFirewallDrops,
    /// No route to another node's data path.
    NoRoute,
    /// Overlay and VXLAN header do not fit the card.
    OverlayExceedsCard,
    /// Parts of an overlay have different MTUs.
    OverlayMtuMixed,
    /// A process has a published port.
    PublishedPortTaken,
    /// A rule that could not be followed to its end.
    RuleNotFollowed,
    /// A load balancer lacks a leg.
    SandboxDetached,
    /// A load balancer has no SNAT rule.
    SnatMissing,
    /// A load balancer's SNAT rule has another address.
    SnatWrongAddress,
    /// VXLAN packets leave from another address than the advertised one.
    SourceAddressWrong,
    /// A task's own filter drops its port.
    TaskFilterDrops,
    /// A task has no REDIRECT to its target port.
    TaskRedirectMissing,
    /// A load balancer lacks a virtual address.
    VirtualAddressMissing,
}
