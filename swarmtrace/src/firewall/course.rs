//! A packet's course through one base chain: what both walkers record.

use super::fate::{By, Fate, Traversal};
use super::packet::{Connection, Packet};
use super::quote::Quote;

/// Rules walked before giving up: a loop of jumps, or hundreds of thousands of
/// rules.
const STEPS: usize = 200_000;
/// The kernel allows no deeper jumps in practice (`NFT_JUMP_STACK_SIZE` is 16).
pub(super) const DEPTH: usize = 32;

/// The packet with what rules have changed of it, and its possible endings so far.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub packet: Packet,
    pub found: Traversal,
    /// Whether the chain comes before conntrack, so that a rule may exempt the packet.
    pub before_conntrack: bool,
    steps: usize,
}

impl Course {
    pub fn new(packet: Packet) -> Self {
        let found = Traversal {
            mark: packet.mark,
            ..Traversal::default()
        };
        Self {
            packet,
            found,
            before_conntrack: true,
            steps: 0,
        }
    }

    /// Counts a rule. Whether the walk may go on.
    pub fn step(&mut self, depth: usize) -> bool {
        self.steps += 1;
        self.steps <= STEPS && depth <= DEPTH
    }

    pub fn end(&mut self, fate: Fate, by: Quote) {
        self.found.end(fate, By::Rule(by));
    }

    /// Its mark, where no rule may have changed it.
    pub fn mark(&self) -> Option<u32> {
        self.found.mark_doubt.is_none().then_some(self.packet.mark)
    }

    pub fn set_mark(&mut self, mark: Option<u32>, surely: bool, by: impl FnOnce() -> Quote) {
        match mark.filter(|_| surely) {
            Some(mark) => {
                self.packet.mark = mark;
                self.found.mark = mark;
            }
            None => {
                self.found.mark_doubt.get_or_insert_with(by);
            }
        }
    }

    pub fn notrack(&mut self, surely: bool, by: Quote) {
        // After conntrack has seen the packet it is too late (`nft_notrack_eval`).
        if self.before_conntrack {
            self.packet.connection = match surely {
                true => Connection::Untracked,
                false => Connection::Unknown,
            };
            self.found.notrack.push(by);
        }
    }
}
