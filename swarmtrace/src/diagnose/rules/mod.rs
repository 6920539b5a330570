//! The rules, a file each or a tight family, and the table that lists them.
//!
//! A rule is a pure function of the case and names an entry of the table of
//! failures. It gives no verdict on a flow that works, is proven only by state
//! that was read ([`Proof`](crate::failure::Proof)), and names the hop. Adding one is a
//! file and a line in [`RULES`].

mod address_missing;
mod checksum;
mod conn_reuse;
mod device_down;
mod duplicate;
mod elsewhere;
mod encryption;
mod fdb;
mod forgotten;
mod forward;
mod ip_forward;
mod ipvs;
mod kernel_drop;
mod local_answer;
mod mtu;
mod neighbour;
mod neighbour_wrong;
mod network_absent;
mod reset;
mod sandbox_gone;
mod snat;
mod source_vtep;
mod stale_backend;
mod task_firewall;
mod task_refused;
mod task_silent;
mod unknown;
mod untranslated;
mod vxlan_filtered;

use super::rule::Rule;
use crate::failure;

/// Every rule, in order of precedence among equally certain ones.
pub static RULES: &[Rule] = &[
    // Wrong whatever else is seen.
    Rule::known(&failure::DUPLICATE_ADDRESS, duplicate::judge),
    Rule::known(
        &failure::HAIRPIN_WITHOUT_BR_NETFILTER,
        untranslated::hairpin,
    ),
    Rule::known(&failure::SNAT_MISSING, snat::judge),
    Rule::known(&failure::REPLY_NOT_TRANSLATED, untranslated::untranslated),
    // The node itself, before the load balancer.
    Rule::known(&failure::INGRESS_IPV6, local_answer::ipv6),
    Rule::known(&failure::INGRESS_DNAT_MISSING, local_answer::dnat_missing),
    Rule::known(&failure::HOST_PORT_NOT_FORWARDED, local_answer::host_port),
    Rule::known(&failure::INGRESS_SANDBOX_GONE, sandbox_gone::judge),
    Rule::known(&failure::FORWARD_DROP, forward::forward_drop),
    Rule::known(&failure::REVERSE_PATH_FILTER, forward::reverse_path),
    // What a namespace lacks, whatever the packets look like.
    Rule::known(&failure::DEVICE_DOWN, device_down::judge),
    Rule::known(&failure::ADDRESS_MISSING, address_missing::task),
    Rule::known(
        &failure::VIRTUAL_ADDRESS_MISSING,
        address_missing::virtual_address,
    ),
    Rule::known(&failure::NEIGHBOUR_WRONG, neighbour_wrong::judge),
    Rule::known(&failure::NEIGHBOUR_TABLE_FULL, neighbour::table),
    // The load balancer.
    Rule::known(&failure::IPVS_NO_DESTINATION, ipvs::no_destination),
    Rule::known(&failure::IPVS_SERVICE_MISSING, ipvs::no_service),
    Rule::known(&failure::IPVS_CONN_REUSE, conn_reuse::judge),
    Rule::known(&failure::STALE_BACKEND, stale_backend::judge),
    Rule::known(&failure::NEIGHBOUR_MISSING, neighbour::forward),
    Rule::known(&failure::IPVS_CONNECTION_FORGOTTEN, forgotten::judge),
    Rule::known(&failure::SANDBOX_IP_FORWARD, ip_forward::judge),
    // The overlay.
    Rule::known(&failure::FDB_MISSING, fdb::missing),
    Rule::known(&failure::FDB_WRONG_NODE, fdb::wrong_node),
    Rule::known(&failure::ENCRYPTION_MARK_MISSING, encryption::sent_in_clear),
    Rule::known(&failure::OVERLAY_ENCRYPTION, encryption::judge),
    Rule::known(&failure::OVERLAY_NETWORK_ABSENT, network_absent::judge),
    Rule::known(&failure::SOURCE_VTEP_MISMATCH, source_vtep::judge),
    Rule::known(
        &failure::VXLAN_BLOCKED_ON_NODE,
        vxlan_filtered::on_node_itself,
    ),
    Rule::known(&failure::VXLAN_BLOCKED_ON_PATH, vxlan_filtered::on_path),
    Rule::known(&failure::MTU_BLACK_HOLE, mtu::judge),
    // The task.
    Rule::known(&failure::TASK_STOPPING, task_refused::stopping),
    Rule::known(&failure::TASK_STARTING, task_refused::starting),
    Rule::known(&failure::NO_LISTENER, task_refused::no_listener),
    Rule::known(&failure::TASK_FIREWALL, task_firewall::judge),
    Rule::known(&failure::CHECKSUM_CORRUPTION, checksum::judge),
    Rule::known(&failure::NEIGHBOUR_MISSING_RETURN, neighbour::back),
    Rule::known(&failure::TASK_STOPPED_MIDSTREAM, reset::task_stopped),
    Rule::known(&failure::TASK_RESET, reset::task),
    Rule::known(&failure::CLIENT_RESET, reset::client),
    Rule::known(&failure::REFUSED_ON_OTHER_NODE, elsewhere::refused),
    Rule::known(&failure::RESET_ON_OTHER_NODE, elsewhere::reset),
    // Where no rule knows.
    Rule::fallback(&failure::KERNEL_DROP, kernel_drop::judge),
    Rule::fallback(&failure::TASK_SILENT, task_silent::judge),
    Rule::fallback(&failure::LEFT_FOR_OTHER_NODE, elsewhere::left),
    Rule::fallback(&failure::UNKNOWN, unknown::judge),
];
