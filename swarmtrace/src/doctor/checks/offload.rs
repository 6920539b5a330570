//! Network cards known to compute wrong checksums for the inner packets of VXLAN.

use crate::doctor::examined::Examined;
use crate::doctor::finding::{Finding, Severity};
use crate::failure::{CHECKSUM_CORRUPTION, Location};

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    if examined.topology.overlays().next().is_none() {
        return Vec::new();
    }
    (examined.facts.nics.iter())
        .filter(|nic| nic.driver == "vmxnet3" && nic.checksums == Some(true))
        .map(|nic| {
            Finding::likely(
                &CHECKSUM_CORRUPTION,
                Severity::Risky,
                format!("{} (vmxnet3) computes checksums of VXLAN packets", nic.name),
                Location::namespace("host").device(&nic.name),
            )
            .why(
                "Some versions of VMware's card (and NSX on UDP 4789) compute wrong checksums \
                  for packets in VXLAN: they arrive on the other node and are dropped there. \
                  Small pings pass, connections between nodes hang.",
            )
            .confirm(format!(
                "ethtool -k {} | grep -e checksum -e udp_tnl",
                nic.name
            ))
            .fix(format!(
                "If connections between nodes hang: sudo ethtool -K {} tx-checksum-ip-generic \
                 off, on every node and at every boot; or another --data-path-port.",
                nic.name
            ))
        })
        .collect()
}
