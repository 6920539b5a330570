//! Failed connections: what each is, which are alike, and how both are shown.

mod finding;
mod groups;
#[cfg(test)]
mod tests;
pub mod text;

pub use finding::{ends_a_flow, is_of_swarm};
pub use groups::Groups;
