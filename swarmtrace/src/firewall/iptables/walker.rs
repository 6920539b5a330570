//! Walking a packet through iptables' chains.

use super::conditions::apply;
use super::ruleset::{Policy, Rule, Ruleset, Target};
use crate::firewall::course::Course;
use crate::firewall::fate::{By, Fate, RejectWith};
use crate::firewall::quote::{Backend, Family, Quote};

impl Ruleset {
    /// Sends a packet through a chain of a table.
    pub(in crate::firewall) fn walk(
        &self,
        of: (Backend, Family),
        table: &str,
        chain: &str,
        course: &mut Course,
    ) {
        let walker = Walker {
            set: self,
            of,
            table,
        };
        if !walker.chain(chain, course, 0) {
            return;
        }
        let Some((found, policy)) = (self.chain(table, chain)).and_then(|c| Some((c, c.policy?)))
        else {
            return course.found.end(Fate::Accept, By::NoRule);
        };
        let fate = match policy {
            Policy::Drop => Fate::Drop,
            Policy::Accept => Fate::Accept,
        };
        let by = Quote {
            is_policy: true,
            packets: found.packets,
            ..walker.quote(chain, policy.name().to_owned())
        };
        course.end(fate, by);
    }
}

struct Walker<'a> {
    set: &'a Ruleset,
    of: (Backend, Family),
    table: &'a str,
}

impl Walker<'_> {
    fn quote(&self, chain: &str, rule: String) -> Quote {
        Quote {
            backend: self.of.0,
            family: self.of.1,
            table: self.table.to_owned(),
            chain: chain.to_owned(),
            handle: None,
            rule,
            is_policy: false,
            packets: None,
        }
    }

    /// Walks a chain. Returns whether the packet may reach the chain's end.
    fn chain(&self, name: &str, course: &mut Course, depth: usize) -> bool {
        let Some(chain) = self.set.chain(self.table, name) else {
            return true;
        };
        let mut returns = false;
        for rule in &chain.rules {
            let quote = || Quote {
                packets: rule.packets,
                ..self.quote(name, rule.text.clone())
            };
            if !course.step(depth) {
                course.end(Fate::Unknown, quote());
                return true;
            }
            let applies = apply(&rule.matches, course);
            if applies == Some(false) {
                continue;
            }
            let surely = applies == Some(true);
            let Some(target) = &rule.target else { continue };
            let fate = match target {
                Target::Mark(value, mask) => {
                    let mark = course.mark().map(|mark| (mark & !mask) ^ value);
                    course.set_mark(mark, surely, quote);
                    continue;
                }
                Target::MarkUnknown => {
                    course.set_mark(None, surely, quote);
                    continue;
                }
                Target::Notrack => {
                    course.notrack(surely, quote());
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
                    if !self.chain(to, course, depth + 1) && surely {
                        return returns;
                    }
                    continue;
                }
                Target::Goto(to) => {
                    let comes_back = self.chain(to, course, depth + 1);
                    if surely {
                        return returns || comes_back;
                    }
                    returns |= comes_back;
                    continue;
                }
                other => self.decides(other, rule),
            };
            course.end(fate, quote());
            if surely {
                return returns;
            }
        }
        true
    }

    /// The fate that a deciding target gives a packet.
    fn decides(&self, target: &Target, rule: &Rule) -> Fate {
        match target {
            Target::Accept => Fate::Accept,
            Target::Drop => Fate::Drop,
            Target::Reject(_) if !rule.text.contains("--reject-with") => {
                Fate::Reject(RejectWith::port_unreachable(self.of.1 == Family::Ip6))
            }
            Target::Reject(with) => Fate::Reject(*with),
            Target::Queue => Fate::Queue,
            Target::Dnat(address, port) => Fate::Dnat(*address, *port),
            Target::Redirect(port) => Fate::Redirect(*port),
            Target::Snat(address) => Fate::Snat(*address),
            Target::Masquerade => Fate::Masquerade,
            _ => Fate::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firewall::{Firewall, Packet, Traversal};
    use crate::sys::protocol::Protocol;

    fn firewall(rules: &str) -> Firewall {
        Firewall {
            sets: vec![(Backend::Nft, Ruleset::parse(rules))],
            ..Firewall::default()
        }
    }

    fn walk(rules: &str, packet: &Packet) -> Traversal {
        firewall(rules).walk("filter", "FORWARD", packet)
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
        let rules = firewall(
            "*mangle\n:PREROUTING ACCEPT [0:0]\n\
             -A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x101/0xffffffff\n\
             -A PREROUTING -m set --match-set x src -j MARK --set-xmark 0x1/0xffffffff\n",
        );
        let walk = rules.walk("mangle", "PREROUTING", &packet());
        assert_eq!(walk.mark, 0x101);
        assert!(walk.mark_doubt.is_some());
    }
}
