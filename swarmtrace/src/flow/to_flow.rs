//! From an open flow to the one that is emitted.

use super::fates::Fates;
use super::marks::Marks;
use super::model::{Flow, FlowPacket, Sighting};
use super::open_flow::{OpenFlow, Seen, Shared};
use crate::sys::clock::{Mono, Nanos};
use crate::sys::protocol::Protocol;

impl OpenFlow {
    /// The flow as it stands. `lost`: events of all flows that were lost so far.
    pub fn to_flow(&self, shared: &Shared, lost: u64) -> Flow {
        let tcp = self.protocol == Protocol::Tcp;
        let mut packets: Vec<FlowPacket> = self
            .packets
            .iter()
            .map(|p| FlowPacket {
                phase: p.phase,
                leg: p.leg,
                attempt: u32::from(p.attempt),
                seq: p.seq,
                ack: p.ack,
                tsval: p.tsval,
                payload_length: p.payload_length,
                ip_id: p.ip_id,
                sightings: Vec::new(),
            })
            .collect();
        for seen in &self.seen {
            let index = usize::from(seen.packet);
            let made = self.sighting(seen, shared);
            if let (Some(packet), Some(sighting)) = (packets.get_mut(index), made) {
                packet.sightings.push(sighting);
            }
        }
        packets.retain(|p| !p.sightings.is_empty());
        for packet in &mut packets {
            packet.sightings.sort_by_key(|s| s.time);
        }
        packets.sort_by_key(|p| p.sightings.first().map_or(Mono::MAX, |s| s.time));
        let no_fates = Fates::default();
        let fates = self.fates.as_deref().unwrap_or(&no_fates);
        Flow {
            number: self.number,
            revision: u32::from(self.revision),
            protocol: self.protocol,
            isn: (tcp && !self.is(Marks::LATE)).then_some(self.isn),
            server_isn: (tcp && self.is(Marks::ANSWERED)).then_some(self.server_isn),
            start_seen: self.is(Marks::START_SEEN),
            client_closed: self.is(Marks::CLIENT_FIN),
            server_closed: self.is(Marks::SERVER_FIN),
            omitted: u64::from(self.omitted),
            events_lost: lost.saturating_sub(self.lost_before),
            packets,
            drops: fates.drops.clone(),
            resets: fates.resets.clone(),
        }
    }

    fn sighting(&self, seen: &Seen, shared: &Shared) -> Option<Sighting> {
        let spot = shared.spots.get(seen.spot)?;
        let packet = self.packets.get(usize::from(seen.packet))?;
        let original = self.tuples.get(spot.original);
        let reply = self.tuples.get(spot.reply);
        Some(Sighting {
            time: packet.base + Nanos::new(i64::from(seen.delta)),
            at: spot.tap.at,
            way: spot.tap.way,
            tuple: self.tuples.get(spot.tuple)?,
            mark: spot.mark,
            other_host: spot.other_host,
            vxlan: shared.tunnels.get(spot.tunnel).map(|t| (t.vni, t.outer)),
            icmp: self.icmps.get(usize::from(spot.icmp)).copied(),
            conntrack: original.zip(reply),
        })
    }
}
