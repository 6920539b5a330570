//! Rooms import only as docs/architecture.md says, and no files import each
//! other in a circle.
//!
//! The list of allowed arrows stands in the document, in the block that begins
//! with `<!-- rooms -->`; this reads it from there, so that the document cannot
//! be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::imports::Imports;
use crate::source::Module;

/// Marks the list in the document.
const MARK: &str = "<!-- rooms -->";
/// Files of the crate's top: they may import everything, and nothing imports them.
const TOP: [&str; 3] = ["", "main", "cli"];

/// What each room may import from.
type Allowed = BTreeMap<String, BTreeSet<String>>;

/// Holds the product's imports against the document.
///
/// # Errors
/// Errors with every import that the document does not allow.
pub fn check_rooms(document: &Path, src: &Path) -> Result<()> {
    let text = std::fs::read_to_string(document)
        .with_context(|| format!("cannot read {}", document.display()))?;
    let allowed = allowed(&text).with_context(|| format!("in {}", document.display()))?;
    let wrong = forbidden(&Imports::of(src)?, &allowed);
    ensure!(
        wrong.is_empty(),
        "imports that {} does not allow:\n  {}",
        document.display(),
        wrong.join("\n  ")
    );
    Ok(())
}

/// Finds files of a crate that import each other in a circle.
///
/// # Errors
/// Errors with every circle and the imports that make it.
pub fn check_circles(src: &Path) -> Result<()> {
    let wrong = circles(&Imports::of(src)?);
    ensure!(
        wrong.is_empty(),
        "files of {} that import each other in a circle:\n{}",
        src.display(),
        wrong.join("\n")
    );
    Ok(())
}

/// The list in the document: `room: room, room` a line.
fn allowed(document: &str) -> Result<Allowed> {
    let (_, after) = document
        .split_once(MARK)
        .with_context(|| format!("no line {MARK}"))?;
    let block = after
        .split("```")
        .nth(1)
        .context("no block follows the list's mark")?;
    let mut allowed = Allowed::new();
    for line in block.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let (room, rest) = line
            .split_once(':')
            .with_context(|| format!("no colon in: {line}"))?;
        let rooms = rest.split([',', ' ']).filter(|word| !word.is_empty());
        allowed.insert(room.trim().to_owned(), rooms.map(str::to_owned).collect());
    }
    for (room, imports) in &allowed {
        for import in imports {
            ensure!(
                allowed.contains_key(import),
                "{room} may import {import}, which is not listed"
            );
        }
    }
    Ok(allowed)
}

fn room(module: &Module) -> &str {
    module.first().map_or("", String::as_str)
}

fn forbidden(imports: &Imports, allowed: &Allowed) -> Vec<String> {
    let mut wrong = BTreeSet::new();
    for ((from, to), paths) in &imports.edges {
        let (importer, imported) = (room(from), room(to));
        if importer == imported || TOP.contains(&importer) {
            continue;
        }
        let is_allowed = allowed
            .get(importer)
            .is_some_and(|rooms| rooms.contains(imported));
        if !is_allowed {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            wrong.insert(format!(
                "{importer} imports {imported}: {} uses {}",
                from.join("::"),
                paths.join(", ")
            ));
        }
    }
    wrong.into_iter().collect()
}

fn circles(imports: &Imports) -> Vec<String> {
    let graph: DiGraphMap<&Module, ()> =
        imports.edges.keys().map(|(from, to)| (from, to)).collect();
    let mut wrong = Vec::new();
    for mut circle in tarjan_scc(&graph)
        .into_iter()
        .filter(|files| files.len() > 1)
    {
        circle.sort();
        let inside = |module: &Module| circle.contains(&module);
        for ((from, to), paths) in &imports.edges {
            if inside(from) && inside(to) {
                let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
                wrong.push(format!(
                    "  {} -> {}: {}",
                    from.join("::"),
                    to.join("::"),
                    paths.join(", ")
                ));
            }
        }
        wrong.push(String::new());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "Rooms.\n<!-- rooms -->\n```text\na:\nb: a\n```\n";

    fn imports(edges: &[(&str, &str)]) -> Imports {
        let module = |path: &str| path.split("::").map(str::to_owned).collect();
        Imports {
            edges: edges
                .iter()
                .map(|(from, to)| {
                    (
                        (module(from), module(to)),
                        BTreeSet::from([(*to).to_owned()]),
                    )
                })
                .collect(),
        }
    }

    #[test]
    fn an_arrow_that_is_not_listed_is_named() {
        let allowed = allowed(DOCUMENT).unwrap();
        let found = forbidden(
            &imports(&[("b::x", "a"), ("a::y", "b::x"), ("main", "b")]),
            &allowed,
        );
        assert_eq!(found, ["a imports b: a::y uses b::x"]);
    }

    #[test]
    fn a_list_that_names_an_unknown_room_is_refused() {
        let document = DOCUMENT.replace("b: a", "b: c");
        assert!(
            allowed(&document)
                .unwrap_err()
                .to_string()
                .contains("c, which is not listed")
        );
    }

    #[test]
    fn a_circle_is_found_with_its_arrows() {
        let found = circles(&imports(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]));
        assert_eq!(found, ["  a -> b: b", "  b -> c: c", "  c -> a: a", ""]);
    }
}
