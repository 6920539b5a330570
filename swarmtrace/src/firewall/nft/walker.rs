//! Walking a packet through a table's chains.

use super::ruleset::{Chain, Rule, Table};
use super::statement::{Step, Verdict, step};
use crate::firewall::course::Course;
use crate::firewall::fate::Fate;
use crate::firewall::quote::{Backend, Quote};

/// What follows a rule.
enum Next {
    /// The next rule.
    Rule,
    /// The next rule, or the end of the chain: it returns.
    RuleOrReturn,
    /// The end of the chain: it returns.
    Return,
    /// Nothing: the packet's fate is decided.
    Nothing,
}

impl Table {
    /// Sends a packet through a base chain.
    pub(in crate::firewall) fn walk(&self, chain: &Chain, course: &mut Course) {
        if !self.chain_may_end(chain, course, 0) {
            return;
        }
        let drops = chain.base.as_ref().is_some_and(|base| base.drops);
        let (fate, verdict) = match drops {
            true => (Fate::Drop, "drop"),
            false => (Fate::Accept, "accept"),
        };
        let by = Quote {
            is_policy: true,
            ..self.quote(chain, None, verdict.to_owned())
        };
        course.end(fate, by);
    }

    fn quote(&self, chain: &Chain, handle: Option<u64>, rule: String) -> Quote {
        Quote {
            backend: Backend::Native,
            family: self.family,
            table: self.name.clone(),
            chain: chain.name.clone(),
            handle,
            rule,
            is_policy: false,
            packets: None,
        }
    }

    fn quoted(&self, chain: &Chain, rule: &Rule) -> Quote {
        Quote {
            packets: rule.packets,
            ..self.quote(chain, rule.handle, rule.text.clone())
        }
    }

    /// Walks a chain. Returns whether the packet may reach the chain's end.
    fn chain_may_end(&self, chain: &Chain, course: &mut Course, depth: usize) -> bool {
        let mut returns = false;
        for rule in &chain.rules {
            if !course.step(depth) {
                course.end(Fate::Unknown, self.quoted(chain, rule));
                return true;
            }
            match self.rule(chain, rule, course, depth) {
                Next::Rule => {}
                Next::RuleOrReturn => returns = true,
                Next::Return => return true,
                Next::Nothing => return returns,
            }
        }
        true
    }

    fn rule(&self, chain: &Chain, rule: &Rule, course: &mut Course, depth: usize) -> Next {
        let mut surely = true;
        let mut returns = false;
        let quote = || self.quoted(chain, rule);
        for statement in &rule.statements {
            match step(statement, self, course) {
                Step::Passes => {}
                Step::Perhaps => surely = false,
                Step::Stops => break,
                Step::Marks(mark) => course.set_mark(mark, surely, quote),
                Step::Notrack => course.notrack(surely, quote()),
                Step::Rewrites => {
                    let packet = &mut course.packet;
                    (packet.source_port, packet.destination_port) = (None, None);
                }
                Step::Unknown => {
                    course.end(Fate::Unknown, quote());
                    surely = false;
                }
                Step::Verdicts(verdicts) => {
                    for (verdict, sure) in verdicts {
                        match self.verdict(&verdict, surely && sure, &quote, course, depth) {
                            Next::Rule => {}
                            Next::RuleOrReturn => returns = true,
                            Next::Return => return Next::Return,
                            Next::Nothing if returns => return Next::Return,
                            Next::Nothing => return Next::Nothing,
                        }
                        // What follows a verdict sees only packets that it was not for.
                        surely = false;
                    }
                }
            }
        }
        match returns {
            true => Next::RuleOrReturn,
            false => Next::Rule,
        }
    }

    fn verdict(
        &self,
        verdict: &Verdict,
        surely: bool,
        quote: &impl Fn() -> Quote,
        course: &mut Course,
        depth: usize,
    ) -> Next {
        let into = |to: &str, course: &mut Course| match self.chains.get(to) {
            Some(chain) => self.chain_may_end(chain, course, depth + 1),
            None => true,
        };
        match verdict {
            Verdict::Ends(fate) => {
                course.end(*fate, quote());
                if surely { Next::Nothing } else { Next::Rule }
            }
            Verdict::Continue => Next::Rule,
            Verdict::Return if surely => Next::Return,
            Verdict::Return => Next::RuleOrReturn,
            Verdict::Jump(to) => match into(to, course) || !surely {
                true => Next::Rule,
                false => Next::Nothing,
            },
            Verdict::Goto(to) => match (into(to, course), surely) {
                (true, true) => Next::Return,
                (true, false) => Next::RuleOrReturn,
                (false, true) => Next::Nothing,
                (false, false) => Next::Rule,
            },
        }
    }
}
