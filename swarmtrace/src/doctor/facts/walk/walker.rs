//! Walking a packet through chains.

use super::conditions::apply;
use super::packet::{Ending, Fate, Packet, Walk};
use crate::doctor::facts::iptables::{Backend, Policy, Rule, Ruleset, Target};

/// Rules walked before giving up: a loop of jumps, or hundreds of thousands of
/// rules.
const STEPS: usize = 200_000;
/// The kernel allows no deeper jumps in practice.
const DEPTH: usize = 32;

/// The rules of a namespace, of each backend: a packet traverses them all.
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
            let policy = self.chain(table, chain).and_then(|c| c.policy);
            let (fate, by) = match policy {
                Some(Policy::Drop) => (Fate::Drop, format!("policy DROP of {table} {chain}")),
                Some(Policy::Accept) => (Fate::Accept, format!("policy of {table} {chain}")),
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

    /// Walks a chain. Returns whether the packet may reach the chain's end.
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
            let applies = apply(&rule.matches, &self.packet);
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
                Target::Opaque(_) => Fate::Unknown,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::protocol::Protocol;

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
            protocol: Protocol::Tcp.into(),
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
