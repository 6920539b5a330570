//! Conntrack's table: what NAT did, by the kernel that did it.
//!
//! An entry's ORIGINAL direction is the connection before translation, its REPLY
//! direction the answer to it after. Read from `conntrack -L -o extended` or
//! `/proc/net/nf_conntrack`, which look alike.

use std::net::{IpAddr, SocketAddr};

/// Source and destination of one direction.
pub type Pair = (SocketAddr, SocketAddr);

/// One tracked connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// IP protocol number.
    pub protocol: u8,
    /// Before translation.
    pub original: Pair,
    /// The answer, after translation.
    pub reply: Pair,
}

impl Entry {
    /// Source and destination of the original direction after translation.
    pub fn translated(&self) -> Pair {
        (self.reply.1, self.reply.0)
    }

    /// Destination before and after, where they differ.
    pub fn destination_nat(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (before, after) = (self.original.1, self.reply.0);
        (before != after).then_some((before, after))
    }

    /// Source before and after, where they differ.
    pub fn source_nat(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (before, after) = (self.original.0, self.reply.1);
        (before != after).then_some((before, after))
    }

    /// Whether the connection looks like `pair` on either side of the
    /// translation, in either direction.
    pub fn has_tuple(&self, (source, destination): Pair) -> bool {
        let faces = [self.original, self.translated()];
        faces.contains(&(source, destination)) || faces.contains(&(destination, source))
    }
}

/// The TCP and UDP entries of a listing.
pub fn parse(listing: &str) -> Vec<Entry> {
    listing.lines().filter_map(entry).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let protocol = line.split_whitespace().nth(3)?.parse().ok()?;
    let values = |key: &str| -> Vec<&str> {
        line.split_whitespace()
            .filter_map(|word| word.strip_prefix(key))
            .collect()
    };
    let (sources, destinations) = (values("src="), values("dst="));
    let (source_ports, destination_ports) = (values("sport="), values("dport="));
    let address = |addresses: &[&str], ports: &[&str], at: usize| {
        let address: IpAddr = addresses.get(at)?.parse().ok()?;
        Some(SocketAddr::new(address, ports.get(at)?.parse().ok()?))
    };
    let pair = |at| {
        Some((
            address(&sources, &source_ports, at)?,
            address(&destinations, &destination_ports, at)?,
        ))
    };
    Some(Entry {
        protocol,
        original: pair(0)?,
        reply: pair(1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dnat_and_snat_entry_says_both() {
        let listing = "conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n\
            ipv4     2 tcp      6 95 TIME_WAIT src=192.0.2.10 dst=172.18.0.2 sport=48192 dport=8080 \
            src=10.0.0.5 dst=10.0.0.2 sport=8080 dport=48192 [ASSURED] mark=0 use=1 id=1625704281\n";
        let entries = parse(listing);
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert_eq!(entries.len(), 1);
        let entry = &entries[0];
        assert_eq!(entry.protocol, 6);
        assert_eq!(
            entry.destination_nat(),
            Some((address("172.18.0.2:8080"), address("10.0.0.5:8080")))
        );
        assert_eq!(
            entry.source_nat(),
            Some((address("192.0.2.10:48192"), address("10.0.0.2:48192")))
        );
        assert!(entry.has_tuple((address("10.0.0.5:8080"), address("10.0.0.2:48192"))));
        assert!(!entry.has_tuple((address("10.0.0.6:8080"), address("10.0.0.2:48192"))));
    }
}
