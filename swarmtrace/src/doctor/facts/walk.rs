//! Where a packet ends in iptables' rules.
//!
//! Looking for rules by their text finds what Docker of one version writes, and
//! misses the rule of somebody else that comes first. So a packet is sent
//! through the chains on paper instead. It may be known in part only (any
//! client), and rules may ask what is not known here; such a rule perhaps
//! applies, and the walk goes on both ways. The answer is every way it may end.

use super::iptables::{Asks, Backend, Match, Rule, Ruleset, Target};
use std::net::Ipv4Addr;

/// Rules walked before giving up: a loop of jumps, or hundreds of thousands of
/// rules.
const STEPS: usize = 200_000;
/// The kernel allows no deeper jumps in practice.
const DEPTH: usize = 32;

/// A packet on paper. None means any.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// Device it came in by; none where it comes from this namespace.
    pub input: Option<String>,
    /// Device it leaves by; none where it is for this namespace.
    pub output: Option<String>,
    /// Source address.
    pub source: Option<Ipv4Addr>,
    /// Destination address.
    pub destination: Option<Ipv4Addr>,
    /// IP protocol number.
    pub protocol: u8,
    /// Source port.
    pub source_port: Option<u16>,
    /// Destination port.
    pub destination_port: Option<u16>,
    /// Of a connection that is known already, rather than the first.
    pub established: bool,
    /// The source is an address of this namespace.
    pub source_local: bool,
    /// The destination is an address of this namespace.
    pub destination_local: bool,
    /// IPVS has sent it on.
    pub ipvs: bool,
    /// Its mark.
    pub mark: u32,
}

/// A way to end.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// What happens.
    pub fate: Fate,
    /// The rule, or the chain's policy, that decides.
    pub by: String,
}

/// What happens to a packet in a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It goes on as it is.
    Accept,
    /// Dropped or rejected.
    Drop,
    /// Its destination is rewritten.
    Dnat(Option<Ipv4Addr>, Option<u16>),
    /// Its destination becomes this namespace, at that port.
    Redirect(Option<u16>),
    /// Its source is rewritten.
    Snat(Option<Ipv4Addr>),
    /// Its source becomes the outgoing device's address.
    Masquerade,
    /// Not known.
    Unknown,
}

/// Where a packet may end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    /// Every way, most likely one.
    pub endings: Vec<Ending>,
    /// The mark it has then.
    pub mark: u32,
    /// A rule that perhaps changes the mark.
    pub mark_doubt: Option<String>,
}

impl Walk {
    /// How it ends, where all ways end alike.
    pub fn certain(&self) -> Option<&Ending> {
        let first = self.endings.first()?;
        (self.endings.iter())
            .all(|e| e.fate == first.fate)
            .then_some(first)
    }

    /// Where it may end otherwise than by going on, and may not: some packets
    /// do, or it is not known.
    pub fn doubt(&self) -> Option<&Ending> {
        if self.certain().is_some_and(|e| e.fate != Fate::Unknown) {
            return None;
        }
        self.endings.iter().find(|e| e.fate != Fate::Accept)
    }
}

/// The rules of a namespace, each backend's: a packet meets them all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// By backend.
    pub sets: Vec<(Backend, Ruleset)>,
}

impl Rules {
    /// Sends a packet through a chain of a table.
    pub fn walk(&self, table: &str, chain: &str, packet: &Packet) -> Walk {
        let mut walk = Walk {
            endings: vec![Ending {
                fate: Fate::Accept,
                by: "no rule".to_owned(),
            }],
            mark: packet.mark,
            mark_doubt: None,
        };
        for (_, set) in &self.sets {
            if walk.endings.iter().all(|e| e.fate != Fate::Accept) {
                break;
            }
            let packet = Packet {
                mark: walk.mark,
                ..packet.clone()
            };
            let next = set.walk(table, chain, &packet);
            walk.endings.retain(|e| e.fate != Fate::Accept);
            walk.endings.extend(next.endings);
            walk.mark = next.mark;
            walk.mark_doubt = walk.mark_doubt.or(next.mark_doubt);
        }
        walk
    }

    /// Whether any backend has that chain.
    pub fn has_chain(&self, table: &str, chain: &str) -> bool {
        self.sets
            .iter()
            .any(|(_, s)| s.chain(table, chain).is_some())
    }

    /// Every rule of a table, with its chain's name.
    pub fn all<'a>(&'a self, table: &'a str) -> impl Iterator<Item = (&'a str, &'a Rule)> {
        self.sets.iter().flat_map(move |(_, s)| s.rules(table))
    }
}

impl Ruleset {
    /// Sends a packet through a chain of a table.
    pub fn walk(&self, table: &str, chain: &str, packet: &Packet) -> Walk {
        let mut walker = Walker {
            set: self,
            table,
            packet: packet.clone(),
            walk: Walk::default(),
            steps: 0,
        };
        if walker.chain(chain, 0) {
            let policy = (self.chain(table, chain)).and_then(|c| c.policy.as_deref());
            let (fate, by) = match policy {
                Some("DROP") => (Fate::Drop, format!("policy DROP of {table} {chain}")),
                Some(_) => (Fate::Accept, format!("policy of {table} {chain}")),
                None => (Fate::Accept, "no rule".to_owned()),
            };
            walker.end(fate, &by);
        }
        walker.walk.mark = walker.packet.mark;
        walker.walk
    }
}

struct Walker<'a> {
    set: &'a Ruleset,
    table: &'a str,
    packet: Packet,
    walk: Walk,
    steps: usize,
}

impl Walker<'_> {
    fn end(&mut self, fate: Fate, by: &str) {
        if !self.walk.endings.iter().any(|e| e.fate == fate) {
            let by = by.to_owned();
            self.walk.endings.push(Ending { fate, by });
        }
    }

    /// Walks a chain; whether the packet may come out at its end.
    fn chain(&mut self, name: &str, depth: usize) -> bool {
        let Some(chain) = self.set.chain(self.table, name) else {
            return true;
        };
        let mut returns = false;
        for rule in &chain.rules {
            self.steps += 1;
            if self.steps > STEPS || depth > DEPTH {
                self.end(Fate::Unknown, &rule.text);
                return true;
            }
            let applies = applies(&rule.matches, &self.packet);
            if applies == Some(false) {
                continue;
            }
            let surely = applies == Some(true);
            let Some(target) = &rule.target else { continue };
            let fate = match target {
                Target::Accept => Fate::Accept,
                Target::Drop | Target::Reject => Fate::Drop,
                Target::Dnat(address, port) => Fate::Dnat(*address, *port),
                Target::Redirect(port) => Fate::Redirect(*port),
                Target::Snat(address) => Fate::Snat(*address),
                Target::Masquerade => Fate::Masquerade,
                Target::Decides(_) => Fate::Unknown,
                Target::Mark(value, mask) => {
                    if surely {
                        self.packet.mark = (self.packet.mark & !mask) ^ value;
                    } else {
                        self.walk.mark_doubt.get_or_insert(rule.text.clone());
                    }
                    continue;
                }
                Target::Return => {
                    if surely {
                        return true;
                    }
                    returns = true;
                    continue;
                }
                Target::Jump(to) => {
                    if !self.chain(to, depth + 1) && surely {
                        return returns;
                    }
                    continue;
                }
                Target::Goto(to) => {
                    let comes_back = self.chain(to, depth + 1);
                    if surely {
                        return returns || comes_back;
                    }
                    returns |= comes_back;
                    continue;
                }
            };
            self.end(fate, &rule.text);
            if surely {
                return returns;
            }
        }
        true
    }
}

/// Whether all conditions hold; none: perhaps.
fn applies(matches: &[Match], packet: &Packet) -> Option<bool> {
    let mut all = Some(true);
    for one in matches {
        match holds(&one.asks, packet).map(|held| held != one.negated) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = None,
        }
    }
    all
}

fn holds(asks: &Asks, packet: &Packet) -> Option<bool> {
    let within = |ports: &[(u16, u16)], port: Option<u16>| {
        let port = port?;
        Some(ports.iter().any(|(from, to)| (*from..=*to).contains(&port)))
    };
    let named = |pattern: &str, device: &Option<String>| {
        let device = device.as_deref().unwrap_or_default();
        match pattern.strip_suffix('+') {
            Some(start) => device.starts_with(start),
            None => device == pattern,
        }
    };
    let of_type = |ty: &str, local: bool| match ty {
        "LOCAL" => Some(local),
        // What is local is none of the other types, and the other way round
        // nothing is known.
        _ if local => Some(false),
        _ => None,
    };
    match asks {
        Asks::Source(net) if net.prefix_len() == 0 => Some(true),
        Asks::Destination(net) if net.prefix_len() == 0 => Some(true),
        Asks::Source(net) => Some(net.contains(&packet.source?)),
        Asks::Destination(net) => Some(net.contains(&packet.destination?)),
        Asks::Input(name) => Some(named(name, &packet.input)),
        Asks::Output(name) => Some(named(name, &packet.output)),
        Asks::Protocol(number) => Some(*number == packet.protocol),
        Asks::SourcePorts(ports) => within(ports, packet.source_port),
        Asks::DestinationPorts(ports) => within(ports, packet.destination_port),
        Asks::States(states) => {
            let has = |state: &str| states.iter().any(|s| s == state);
            if has("DNAT") || has("SNAT") {
                return None;
            }
            Some(has(if packet.established {
                "ESTABLISHED"
            } else {
                "NEW"
            }))
        }
        Asks::SourceType(ty) => of_type(ty, packet.source_local),
        Asks::DestinationType(ty) => of_type(ty, packet.destination_local),
        Asks::Mark(value, mask) => Some(packet.mark & mask == *value),
        Asks::Ipvs => Some(packet.ipvs),
        Asks::Syn => Some(packet.protocol == 6 && !packet.established),
        Asks::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(rules: &str, packet: &Packet) -> Walk {
        Ruleset::parse(rules).walk("filter", "FORWARD", packet)
    }

    fn fates(rules: &str, packet: &Packet) -> Vec<Fate> {
        let endings = walk(rules, packet).endings;
        endings.into_iter().map(|e| e.fate).collect()
    }

    fn packet() -> Packet {
        Packet {
            input: Some("eth0".into()),
            output: Some("docker_gwbridge".into()),
            destination: "172.18.0.2".parse().ok(),
            protocol: 6,
            destination_port: Some(8080),
            ..Packet::default()
        }
    }

    #[test]
    fn a_policy_decides_what_no_rule_did() {
        let rules = "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i eth1 -j ACCEPT\n";
        assert_eq!(fates(rules, &packet()), [Fate::Drop]);
        let rules = "*filter\n:FORWARD DROP [0:0]\n:X - [0:0]\n-A FORWARD -j X\n\
                     -A X -p tcp -m tcp --dport 8080 -j ACCEPT\n-A X -j RETURN\n";
        assert_eq!(fates(rules, &packet()), [Fate::Accept]);
    }

    #[test]
    fn what_depends_on_the_client_has_two_endings() {
        let rules = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -s 10.0.0.0/8 -j ACCEPT\n\
                     -A FORWARD -i eth+ -j DROP\n";
        assert_eq!(fates(rules, &packet()), [Fate::Accept, Fate::Drop]);
        let known = Packet {
            source: "10.1.2.3".parse().ok(),
            ..packet()
        };
        assert_eq!(fates(rules, &known), [Fate::Accept]);
    }

    #[test]
    fn a_loop_of_jumps_ends() {
        let rules = "*filter\n:FORWARD ACCEPT [0:0]\n:X - [0:0]\n-A FORWARD -j X\n\
                     -A X -j X\n-A X -j X\n";
        let walk = walk(rules, &packet());
        assert!(walk.endings.iter().any(|e| e.fate == Fate::Unknown));
        assert_eq!(walk.certain(), None);
    }

    #[test]
    fn marks_are_kept() {
        let rules = Ruleset::parse(
            "*mangle\n:PREROUTING ACCEPT [0:0]\n\
             -A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x101/0xffffffff\n\
             -A PREROUTING -m set --match-set x src -j MARK --set-xmark 0x1/0xffffffff\n",
        );
        let walk = rules.walk("mangle", "PREROUTING", &packet());
        assert_eq!(walk.mark, 0x101);
        assert!(walk.mark_doubt.is_some());
    }
}
