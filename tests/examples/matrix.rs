//! One row of the kernel matrix, as JSON: `cargo xtask vm test` runs it for each.
//!
//! `cargo run -p swarmtrace-tests --example matrix -- KERNEL DEBIAN`

use clap::ValueEnum;
use scenarios::matrix::row;
use std::process::ExitCode;
use xtask::vm::{Debian, Kernel, interrupt};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let asked = match &arguments[..] {
        [kernel, debian] => Kernel::from_str(kernel, true)
            .and_then(|kernel| Debian::from_str(debian, true).map(|debian| (kernel, debian))),
        _ => Err("a kernel and a Debian are needed, such as 6.1 12".to_owned()),
    };
    let (kernel, debian) = match asked {
        Ok(asked) => asked,
        Err(what) => return complain(&what),
    };
    if let Err(error) = interrupt::install() {
        return complain(&format!("{error:#}"));
    }
    // What a check panics with is in the row.
    std::panic::set_hook(Box::new(|panic| {
        if let Some(at) = panic.location() {
            eprintln!("  at {at}");
        }
    }));
    match serde_json::to_string(&row(kernel, debian)) {
        Ok(row) => println!("{row}"),
        Err(error) => return complain(&error.to_string()),
    }
    ExitCode::SUCCESS
}

fn complain(what: &str) -> ExitCode {
    eprintln!("error: {what}");
    ExitCode::from(2)
}
