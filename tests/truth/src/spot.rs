//! A namespace in which tcpdump listens, and the names of its devices.

use crate::packet::{Sighting, read};

/// A namespace that is listened in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Inode of the namespace.
    pub netns: u32,
    /// `node-a ingress_sbox`
    pub namespace: String,
    /// Its devices: index and name.
    pub devices: Vec<(u32, String)>,
}

impl Spot {
    /// The sightings in a file that tcpdump wrote here, in its order.
    pub fn name(&self, file: &[u8], vxlan_port: u16) -> Vec<Sighting> {
        let name = |ifindex| self.devices.iter().find(|(index, _)| *index == ifindex);
        let sightings = read(file, vxlan_port).into_iter().filter_map(|captured| {
            // Loopback is not listed, and no tap's place.
            let (_, device) = name(captured.ifindex)?;
            Some(Sighting {
                netns: self.netns,
                namespace: self.namespace.clone(),
                ifindex: captured.ifindex,
                device: device.clone(),
                way: captured.way,
                time: captured.time,
                packet: captured.packet,
                vxlan: captured.vxlan,
            })
        });
        sightings.collect()
    }
}
