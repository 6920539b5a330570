//! What the programs on tracepoints of drops and resets need of the running kernel's
//! types: field offsets, how many arguments each tracepoint passes, and numbers of
//! reasons.
//!
//! Reasons come from the kernel's BTF: their numbers differ from version to version. A
//! kernel that is missing something is no error: what then cannot be seen is reported,
//! a line each.

use super::btf::{BtfError, fields};
use crate::sys::kernel_names::{Reasons, functions};
use btf_rs::{Btf, Type};
use swarmtrace_common::FateOffsets;

/// What the programs on tracepoints need of the kernel's types.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FateTypes {
    /// Offsets of the fields that they read, and numbers of reasons.
    pub offsets: FateOffsets,
    /// The reasons' names.
    pub reasons: Reasons,
    /// Why the programs cannot be used, if so.
    pub unusable: Option<String>,
}

impl FateTypes {
    /// Reads them; never fails, see [`FateTypes::unusable`].
    pub fn read(kernel: &Btf) -> Self {
        let reasons = Reasons::read(kernel);
        match offsets(kernel) {
            Ok(offsets) => Self {
                offsets: FateOffsets {
                    not_dropped: reasons.drop_number("SKB_NOT_DROPPED_YET"),
                    consumed: reasons.drop_number("SKB_CONSUMED"),
                    reset_taken: reasons.drop_number("SKB_DROP_REASON_TCP_RESET"),
                    unread: reasons.drop_number("SKB_DROP_REASON_QUEUE_PURGE"),
                    unspecified: reasons.drop_number("SKB_DROP_REASON_NOT_SPECIFIED"),
                    ..offsets
                },
                reasons,
                unusable: None,
            },
            Err(error) => Self {
                unusable: Some(error.to_string()),
                reasons,
                ..Self::default()
            },
        }
    }

    /// What this kernel's tracepoints do not report, a line each.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.offsets.drop_args == 2 {
            missing.push(str::to_owned(
                "this kernel gives no reasons for drops (Linux 5.17 does): the functions that \
                 dropped packets are named instead",
            ));
        }
        if self.offsets.reset_args == 2 {
            missing.push(str::to_owned(
                "this kernel reports resets only if a socket sent them, and without a reason \
                 (Linux 6.10 reports all, with reasons)",
            ));
        }
        if self.offsets.drop_args != 0 && functions::are_hidden() {
            missing.push(str::to_owned(
                "the kernel hides its functions' addresses (sysctl kernel.kptr_restrict is 2): \
                 those that dropped packets are not named",
            ));
        }
        missing
    }
}

fn offsets(kernel: &Btf) -> Result<FateOffsets, BtfError> {
    let names = [
        "protocol",
        "transport_header",
        "network_header",
        "mac_header",
        "tail",
        "head",
        "data",
        "len",
        "mark",
        "sk",
        "_skb_refdst",
    ];
    let [
        protocol,
        transport,
        network,
        mac,
        tail,
        head,
        data,
        len,
        mark,
        sk,
        dst,
    ] = fields(kernel, "sk_buff", names)?;
    // The kernel side reads these in one piece each.
    let pieces = [
        ("transport_header", transport, protocol + 2),
        ("network_header", network, protocol + 4),
        ("mac_header", mac, protocol + 6),
        ("data", data, head + 8),
    ];
    if let Some((field, ..)) = pieces.iter().find(|(_, at, expected)| at != expected) {
        return Err(BtfError::NoField {
            structure: "sk_buff",
            field,
        });
    }
    let names = [
        "skc_net",
        "skc_family",
        "skc_dport",
        "skc_daddr",
        "skc_rcv_saddr",
    ];
    let [net, family, dport, daddr, saddr] = fields(kernel, "sock_common", names)?;
    let names = ["skc_v6_daddr", "skc_v6_rcv_saddr"];
    let [daddr6, saddr6] = fields(kernel, "sock_common", names).unwrap_or([u32::MAX; 2]);
    let [sport] = fields(kernel, "inet_sock", ["inet_sport"])?;
    let [snd_nxt, rcv_nxt] = fields(kernel, "tcp_sock", ["snd_nxt", "rcv_nxt"])?;
    let [dev_ifindex] = fields(kernel, "net_device", ["ifindex"])?;
    // Only where all else fails.
    let [dst_dev] = fields(kernel, "dst_entry", ["dev"]).unwrap_or([u32::MAX]);
    Ok(FateOffsets {
        skb_protocol: protocol,
        skb_tail: tail,
        skb_head: head,
        skb_len: len,
        skb_mark: mark,
        skb_sk: sk,
        skb_dst: dst,
        dev_ifindex,
        dst_dev,
        sock_net: net,
        sock_family: family,
        sock_dport: dport,
        sock_sport: sport,
        sock_daddr: daddr,
        sock_saddr: saddr,
        sock_daddr6: daddr6,
        sock_saddr6: saddr6,
        tcp_snd_nxt: snd_nxt,
        tcp_rcv_nxt: rcv_nxt,
        drop_args: arguments(kernel, "btf_trace_kfree_skb"),
        reset_args: arguments(kernel, "btf_trace_tcp_send_reset"),
        not_dropped: u32::MAX,
        consumed: u32::MAX,
        reset_taken: u32::MAX,
        unread: u32::MAX,
        unspecified: u32::MAX,
    })
}

/// How many arguments a tracepoint passes; 0 if the kernel does not have it.
fn arguments(kernel: &Btf, typedef: &str) -> u32 {
    let found = kernel.resolve_types_by_name(typedef).unwrap_or_default();
    let prototype = found.into_iter().find_map(|found| {
        let Type::Typedef(found) = found else {
            return None;
        };
        let Type::Ptr(pointer) = kernel.resolve_chained_type(&found).ok()? else {
            return None;
        };
        match kernel.resolve_chained_type(&pointer).ok()? {
            Type::FuncProto(prototype) => Some(prototype),
            _ => None,
        }
    });
    // The first is the program's own context.
    let count = prototype.map_or(0, |p| p.parameters.len().saturating_sub(1));
    u32::try_from(count).expect("BTF counts parameters in 16 bits")
}
