//! The external programs of the tests, the beds, the benchmarks and xtask.
//!
//! Every one of them is started through this crate. [`PROGRAMS`] lists
//! them with the package of each; `cargo xtask setup` installs those
//! packages. A program that is not in the table is not started, also where it
//! happens to be installed: what passes here passes on a fresh machine.
//!
//! * [`command`] and [`required`] start a program of the table,
//! * [`cargo`] starts cargo in the workspace,
//! * [`built`] starts what was built here, by its path,
//! * clippy refuses `Command::new` everywhere else (`clippy.toml`),
//! * shells, and programs that run others by name (`ip netns exec`), get a `PATH`
//!   on which nothing but the table is (see [`search_path`](mod@search_path)).

mod find;
mod folders;
mod output;
pub mod search_path;
mod start;
mod table;

pub use find::find;
pub use folders::{target_folder, workspace};
pub use output::{line, output, run, text};
pub use start::{built, cargo, command, required};
pub use table::{PROGRAMS, Program, Source, program};
