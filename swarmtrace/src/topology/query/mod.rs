//! Questions to a snapshot, asked in one place.

mod lookup;
mod names;
mod services;
mod wiring;

pub use names::{Named, UnknownName};
