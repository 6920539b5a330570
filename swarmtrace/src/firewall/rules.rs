//! The rules of a namespace, and questions to single tables of iptables.

use super::course::Course;
use super::fate::{By, Ending, Fate, Traversal};
use super::iptables::{Rule, Ruleset};
use super::nft;
use super::packet::Packet;
use super::quote::{Backend, Family, Unread};

/// The rules of a namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Firewall {
    /// iptables' rules for IPv4, by backend: a packet traverses them all.
    pub sets: Vec<(Backend, Ruleset)>,
    /// iptables' rules for IPv6.
    pub sets6: Vec<(Backend, Ruleset)>,
    /// nftables' tables, iptables' own left out.
    pub nft: nft::Ruleset,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

impl Firewall {
    /// Sends a packet through one chain of one table of iptables, for IPv4.
    pub fn walk(&self, table: &str, chain: &str, packet: &Packet) -> Traversal {
        let mut walk = Traversal {
            endings: vec![Ending::new(Fate::Accept, By::NoRule)],
            mark: packet.mark,
            ..Traversal::default()
        };
        for (backend, set) in &self.sets {
            if walk.endings.iter().all(|e| e.fate != Fate::Accept) {
                break;
            }
            let mut course = Course::new(Packet {
                mark: walk.mark,
                ..packet.clone()
            });
            set.walk((*backend, Family::Ip), table, chain, &mut course);
            let next = course.found;
            walk.endings.retain(|e| e.fate != Fate::Accept);
            walk.endings.extend(next.endings);
            walk.mark = next.mark;
            walk.mark_doubt = walk.mark_doubt.or(next.mark_doubt);
            walk.notrack.extend(next.notrack);
        }
        walk
    }

    /// Whether iptables has that chain, for IPv4.
    pub fn has_chain(&self, table: &str, chain: &str) -> bool {
        self.sets
            .iter()
            .any(|(_, s)| s.chain(table, chain).is_some())
    }

    /// Every rule of a table of iptables, for IPv4, with its chain's name.
    pub fn all<'a>(&'a self, table: &'a str) -> impl Iterator<Item = (&'a str, &'a Rule)> {
        self.sets.iter().flat_map(move |(_, s)| s.rules(table))
    }
}
