//! The rules for imports, which `cargo xtask lint` checks: a room of the product
//! imports only the rooms that docs/architecture.md lists, and no files of a crate
//! import each other in a circle.
//!
//! The sources are read as syntax trees ([`source`]), the paths in them followed to
//! the files that define what they name ([`imports`]), and these edges held against
//! the rules ([`rooms`]).

pub mod imports;
pub mod rooms;
pub mod source;
