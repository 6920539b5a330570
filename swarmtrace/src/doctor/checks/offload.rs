//! Cards that are known to get the checksums of VXLAN's inner packets wrong.

use super::finding;
use crate::doctor::{Examined, Finding, Id, Place, Severity};

pub(super) fn check(examined: &Examined) -> Vec<Finding> {
    if examined.topology.overlays().next().is_none() {
        return Vec::new();
    }
    (examined.facts.nics.iter())
        .filter(|nic| nic.driver == "vmxnet3" && nic.checksums == Some(true))
        .map(|nic| Finding {
            why: "Some versions of VMware's card (and NSX on UDP 4789) compute wrong checksums \
                  for packets in VXLAN: they arrive on the other node and are dropped there. \
                  Small pings pass, connections between nodes hang."
                .to_owned(),
            issues: &["moby#41775", "swarmpit#688"],
            confirm: format!("ethtool -k {} | grep -e checksum -e udp_tnl", nic.name),
            fix: format!(
                "If connections between nodes hang: sudo ethtool -K {} tx-checksum-ip-generic \
                 off, on every node and at every boot; or another --data-path-port.",
                nic.name
            ),
            ..finding(
                Id::ChecksumOffload,
                Severity::Risky,
                format!("{} (vmxnet3) computes checksums of VXLAN packets", nic.name),
                Place::namespace("host").device(&nic.name),
            )
        })
        .collect()
}
