//! `cargo xtask bench --compare REV`: another revision beside this one.
//!
//! Figures move with the machine, and with what else it does, so the two are
//! measured in turn, each program of one right after the same program of the other,
//! and what counts is the ratio within a round.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use swarm_vm::spread::Spread;
use swarm_vm::step::Step;
use swarmtrace_programs as programs;

use crate::program::{self, BENCHES, Bench};

/// Values by name: `bench_kernel attach_200_taps_ms`.
type Figures = BTreeMap<String, f64>;

/// One of the two.
struct Tree {
    sources: PathBuf,
    target: PathBuf,
}

/// Builds both, measures them in turn, prints the ratios.
///
/// # Errors
/// Errors if git does not know the revision, one does not build, or none of its
/// programs measures.
pub fn run(revision: &str, rounds: usize) -> Result<()> {
    let here = Tree {
        sources: programs::workspace().to_owned(),
        target: programs::target_folder(),
    };
    let there = checkout(revision)?;
    let mut shared = Vec::new();
    for bench in BENCHES.iter().filter(|b| !b.long) {
        let step = Step::start(format!("building {} of both", bench.name));
        match (build(&there, bench)?, build(&here, bench)?) {
            (Some(then), Some(now)) => {
                shared.push((bench, then, now));
                step.done();
            }
            _ => step.done_with(format!("{revision} has none")),
        }
    }
    ensure!(
        !shared.is_empty(),
        "{revision} measures nothing that this one does"
    );
    let mut all: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for round in 1..=rounds {
        for (bench, before, present) in &shared {
            let what = format!("round {round} of {rounds}: {}", bench.about);
            let step = Step::start(what);
            // Who is first gains or loses by it: take turns.
            let (then, now) = if round % 2 == 1 {
                let then = measure(&there, bench, before)?;
                (then, measure(&here, bench, present)?)
            } else {
                let now = measure(&here, bench, present)?;
                (measure(&there, bench, before)?, now)
            };
            for (name, now) in now {
                if let Some(then) = then.get(&name) {
                    all.entry(name).or_default().push((*then, now));
                }
            }
            step.done();
        }
    }
    print(revision, &all);
    Ok(())
}

/// The revision's sources, in a work tree of their own.
fn checkout(revision: &str) -> Result<Tree> {
    let folder = programs::target_folder().join("compare");
    let sources = folder.join("sources");
    let git = |arguments: &[&str]| -> Result<Command> {
        let mut git = programs::command("git")?;
        git.arg("-C").arg(programs::workspace()).args(arguments);
        Ok(git)
    };
    let step = Step::start(format!("sources of {revision}"));
    let known = git(&[
        "rev-parse",
        "--verify",
        "--quiet",
        &format!("{revision}^{{commit}}"),
    ])?
    .stderr(Stdio::null())
    .output()
    .context("cannot run git")?;
    let commit = String::from_utf8_lossy(&known.stdout).trim().to_owned();
    if !known.status.success() || commit.is_empty() {
        bail!("git knows no revision {revision:?}: give a commit, a tag or a branch");
    }
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let path = sources.to_str().context("the path is not UTF-8")?;
    if sources.exists() {
        programs::run(&mut git(&["worktree", "remove", "--force", path])?)?;
    }
    programs::run(&mut git(&["worktree", "prune"])?)?;
    programs::run(&mut git(&["worktree", "add", "--detach", path, &commit])?)?;
    step.done();
    Ok(Tree {
        sources,
        target: folder.join("target"),
    })
}

fn cargo_in(tree: &Tree, arguments: &[&str]) -> Result<Command> {
    let mut cargo = programs::cargo(arguments)?;
    cargo
        .current_dir(&tree.sources)
        .env("CARGO_TARGET_DIR", &tree.target);
    Ok(cargo)
}

/// Builds swarmtrace and the program. Returns where the program is, `None` if the
/// tree does not have it.
fn build(tree: &Tree, bench: &Bench) -> Result<Option<PathBuf>> {
    let Some((arguments, path)) = bench.recipe(&tree.sources) else {
        return Ok(None);
    };
    let binary = ["build", "--release", "--package", "swarmtrace"];
    programs::run(&mut cargo_in(tree, &binary)?)?;
    programs::run(&mut cargo_in(tree, &arguments)?)?;
    Ok(Some(tree.target.join(path)))
}

fn measure(tree: &Tree, bench: &Bench, program: &Path) -> Result<Figures> {
    let swarmtrace = tree.target.join("release/swarmtrace");
    let measured = program::measure(program, &tree.sources, &swarmtrace)?;
    let mut figures = Figures::new();
    flatten(Path::new(bench.name), &measured, &mut figures);
    Ok(figures)
}

/// Every number in it, by the way to it.
fn flatten(at: &Path, value: &Value, figures: &mut Figures) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                flatten(&at.join(name), value, figures);
            }
        }
        Value::Number(number) => {
            if let Some(number) = number.as_f64() {
                let words: Vec<_> = at.iter().map(|w| w.to_string_lossy()).collect();
                figures.insert(words.join(" "), number);
            }
        }
        _ => {}
    }
}

fn print(revision: &str, all: &BTreeMap<String, Vec<(f64, f64)>>) {
    let short: String = revision.chars().take(12).collect();
    println!(
        "{:60} {short:>12} {:>12} {:>7}  least … most",
        "", "here", "ratio"
    );
    for (name, pairs) in all {
        let spread = |figure: fn(&(f64, f64)) -> Option<f64>| {
            Spread::of(pairs.iter().filter_map(figure).collect())
        };
        let ratio = |(then, now): &(f64, f64)| (*then != 0.0).then(|| now / then);
        let all = (
            spread(|(then, _)| Some(*then)),
            spread(|(_, now)| Some(*now)),
            spread(ratio),
        );
        if let (Some(then), Some(now), Some(ratio)) = all {
            println!(
                "{name:60} {:>12.1} {:>12.1} {:>7.3}  {:.3} … {:.3}",
                then.median, now.median, ratio.median, ratio.least, ratio.most
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_the_way_to_them() {
        let measured = serde_json::json!({"a": {"b": 1, "c": "text"}, "d": 2.5});
        let mut figures = Figures::new();
        flatten(Path::new("bench"), &measured, &mut figures);
        let expected = [("bench a b", 1.0), ("bench d", 2.5)];
        assert_eq!(figures, expected.map(|(n, v)| (n.to_owned(), v)).into());
    }
}
