//! Failed connections: what each is, which are alike, and how both are shown.

mod finding;
mod groups;
mod printer;
#[cfg(test)]
mod tests;
pub mod text;

pub use groups::Groups;
pub use printer::FindingPrinter;
