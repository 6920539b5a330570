//! A packet's way through every base chain of one hook.

use super::course::Course;
use super::fate::{By, Ending, Fate, Traversal};
use super::hook::{self, Hook};
use super::iptables::Ruleset;
use super::nft;
use super::packet::{Connection, Packet};
use super::quote::{Backend, Family};
use super::rules::Firewall;

/// Ways that are followed side by side before giving up.
const PATHS: usize = 64;

/// A base chain, of any tool.
struct Base<'a> {
    priority: i32,
    /// Whether it only sees the first packet of each connection, to rewrite it.
    nat: bool,
    rules: Rules<'a>,
}

enum Rules<'a> {
    Iptables(Backend, Family, &'a Ruleset, &'a str),
    Nft(&'a nft::Table, &'a nft::Chain),
}

/// One way that the packet may have gone so far.
struct Path {
    course: Course,
    ending: Ending,
}

impl Firewall {
    /// Sends a packet through every base chain of a hook of this namespace, in the
    /// order of their priorities. At [`Hook::Ingress`] and [`Hook::Egress`] those are the
    /// chains of its input or output device.
    ///
    /// The order of two chains with one priority is that of their registration, which
    /// cannot be read. It does not matter for a drop.
    pub fn traverse(&self, hook: Hook, packet: &Packet) -> Traversal {
        let v6 = packet.is_v6();
        let mut bases: Vec<Base> = Vec::new();
        let (sets, family) = match v6 {
            true => (&self.sets6, Family::Ip6),
            false => (&self.sets, Family::Ip),
        };
        for (backend, set) in sets {
            for (table, chains) in &set.tables {
                if let Some(priority) = hook::of_table(table, hook)
                    && chains.contains_key(&hook.iptables())
                {
                    bases.push(Base {
                        priority,
                        nat: table == "nat",
                        rules: Rules::Iptables(*backend, family, set, table),
                    });
                }
            }
        }
        let device = match hook {
            Hook::Ingress => packet.input.as_deref(),
            Hook::Egress => packet.output.as_deref(),
            _ => None,
        };
        let at_device = matches!(hook, Hook::Ingress | Hook::Egress);
        bases.extend(self.native(hook, |family, of| match at_device {
            true => of.iter().any(|of| Some(of.as_str()) == device),
            false => hook::sees(family, v6),
        }));
        self.through(bases, hook, packet)
    }

    /// Sends a packet through every base chain of a hook of this namespace's bridges.
    pub fn traverse_bridge(&self, hook: Hook, packet: &Packet) -> Traversal {
        let bases = self.native(hook, |family, _| family == Family::Bridge);
        self.through(bases.collect(), hook, packet)
    }

    fn native(
        &self,
        hook: Hook,
        wanted: impl Fn(Family, &[String]) -> bool,
    ) -> impl Iterator<Item = Base<'_>> {
        (self.nft.tables.iter())
            .flat_map(|table| table.chains.values().map(move |chain| (table, chain)))
            .filter_map(move |(table, chain)| {
                let base = chain.base.as_ref()?;
                (base.hook == hook && wanted(table.family, &base.devices)).then_some(Base {
                    priority: base.priority,
                    nat: base.nat,
                    rules: Rules::Nft(table, chain),
                })
            })
    }

    fn through(&self, mut bases: Vec<Base>, hook: Hook, packet: &Packet) -> Traversal {
        bases.sort_by_key(|base| base.priority);
        let mut done = Traversal::default();
        let mut paths = vec![Path {
            course: Course::new(packet.clone()),
            ending: Ending::new(Fate::Accept, By::NoRule),
        }];
        for base in &bases {
            let mut next = Vec::new();
            for path in paths {
                path.through(base, hook, &mut next, &mut done);
            }
            paths = next;
            if paths.len() > PATHS {
                for path in paths.drain(PATHS..) {
                    done.end(Fate::Unknown, path.ending.by);
                }
            }
        }
        done.mark = packet.mark;
        for path in paths {
            done.mark = path.course.packet.mark;
            done.mark_doubt = done.mark_doubt.or(path.course.found.mark_doubt);
            done.notrack.extend(path.course.found.notrack);
            done.end(path.ending.fate, path.ending.by);
        }
        done.notrack.dedup();
        // What is not read may drop whatever else passes.
        let v6 = packet.is_v6();
        if done.dropped().is_none() {
            for unread in &self.unread {
                if unread.family == Family::Inet || (unread.family == Family::Ip6) == v6 {
                    done.end(Fate::Unknown, By::Unread(unread.clone()));
                }
            }
        }
        done
    }
}

impl Path {
    /// Walks the chain: ways that end there go to `done`, the others to `next`.
    fn through(mut self, base: &Base, hook: Hook, next: &mut Vec<Self>, done: &mut Traversal) {
        let state = self.course.packet.connection;
        if base.nat {
            // Only the first packet is looked up, and the first rewriting rule counts.
            // Relied on: nf_nat_inet_fn (net/netfilter/nf_nat_core.c).
            let rewritten = self.ending.fate != Fate::Accept;
            match state {
                _ if rewritten => return next.push(self),
                Connection::New | Connection::Related => {}
                Connection::Unknown => next.push(Self {
                    course: self.course.clone(),
                    ending: self.ending.clone(),
                }),
                Connection::Established | Connection::Untracked | Connection::Invalid => {
                    return next.push(self);
                }
            }
        }
        let enters = matches!(hook, Hook::Prerouting | Hook::Output);
        let before = hook == Hook::Ingress || enters && base.priority < hook::CONNTRACK;
        self.course.before_conntrack = before;
        if before && state != Connection::Untracked {
            // There is no connection yet: both tools' matches call that invalid.
            self.course.packet.connection = Connection::Invalid;
        }
        match &base.rules {
            Rules::Iptables(backend, family, set, table) => {
                set.walk(
                    (*backend, *family),
                    table,
                    &hook.iptables(),
                    &mut self.course,
                );
            }
            Rules::Nft(table, chain) => table.walk(chain, &mut self.course),
        }
        if before && self.course.packet.connection == Connection::Invalid {
            self.course.packet.connection = state;
        }
        let endings = std::mem::take(&mut self.course.found.endings);
        for ending in endings {
            if ending.fate.is_drop() || matches!(ending.fate, Fate::Queue | Fate::Unknown) {
                done.end(ending.fate, ending.by);
                continue;
            }
            let mut course = self.course.clone();
            rewrite(&mut course.packet, ending.fate);
            let ending = match ending.fate {
                Fate::Accept if self.ending.fate != Fate::Accept => self.ending.clone(),
                _ => ending,
            };
            next.push(Self { course, ending });
        }
    }
}

/// What later chains see of a rewritten packet.
fn rewrite(packet: &mut Packet, fate: Fate) {
    match fate {
        Fate::Dnat(to, port) => {
            packet.destination = to;
            packet.destination_local = false;
            packet.destination_port = port.or(packet.destination_port);
        }
        Fate::Redirect(port) => {
            packet.destination_local = true;
            packet.destination_port = port.or(packet.destination_port);
        }
        Fate::Snat(to) => packet.source = to,
        Fate::Masquerade => packet.source_local = true,
        _ => {}
    }
}
