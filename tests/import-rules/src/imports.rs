//! Which file of a crate imports from which other file.
//!
//! Reads Rust sources as syntax trees. A file is a module; an edge runs from a
//! file to the file that *defines* what a path names: a name that a `mod.rs`
//! only re-exports (`pub use`) is followed to its source, so that a facade for
//! other rooms is no import of its own. Test modules are left out.
//!
//! What is not seen: names built by macros of other crates, and items that a
//! glob import brings in without a path at the place of use.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::source::{Module, Source};

/// How often a re-export may lead to another one.
const REEXPORTS: usize = 8;

/// One crate's files and the imports between them.
#[derive(Debug, Default)]
pub struct Imports {
    /// From a file to the files it imports from, with the paths as written.
    pub edges: BTreeMap<(Module, Module), BTreeSet<String>>,
}

impl Imports {
    /// Reads every file below `src`.
    ///
    /// # Errors
    /// Errors if a file cannot be read or is not Rust.
    pub fn of(src: &Path) -> Result<Self> {
        let mut sources = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for file in rust_files(src)? {
            let module = module_of(src, &file);
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let (source, of_tests) = Source::read(module.clone(), &text)
                .with_context(|| format!("{} is not Rust", file.display()))?;
            tests.extend(of_tests);
            sources.insert(module, source);
        }
        ensure!(!sources.is_empty(), "no Rust files in {}", src.display());
        sources.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Ok(Self::between(&sources))
    }

    fn between(sources: &BTreeMap<Module, Source>) -> Self {
        let mut edges: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for (module, source) in sources {
            for path in &source.paths {
                let Some(target) = definition(sources, path, REEXPORTS) else {
                    continue;
                };
                if target != *module {
                    let edge = edges.entry((module.clone(), target)).or_default();
                    edge.insert(path.join("::"));
                }
            }
        }
        Self { edges }
    }
}

/// The file that defines what a path names.
fn definition(sources: &BTreeMap<Module, Source>, path: &[String], depth: usize) -> Option<Module> {
    let length = (0..=path.len())
        .rev()
        .find(|n| sources.contains_key(&path[..*n]))?;
    let (module, rest) = path.split_at(length);
    let Some(name) = rest.first() else {
        return Some(module.to_vec());
    };
    let source = &sources[module];
    if depth == 0 || source.items.contains(name) {
        return Some(module.to_vec());
    }
    for (exported, target) in &source.reexports {
        if exported == name {
            return definition(sources, target, depth - 1).or(Some(module.to_vec()));
        }
        if exported == "*" {
            let mut target = target.clone();
            target.push(name.clone());
            let found = definition(sources, &target, depth - 1);
            if let Some(found) = found
                && sources[&found].items.contains(name)
            {
                return Some(found);
            }
        }
    }
    Some(module.to_vec())
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// The module that a file is, by its place below `src`.
fn module_of(src: &Path, file: &Path) -> Module {
    let below = file.strip_prefix(src).unwrap_or(file).with_extension("");
    let mut module: Module = below
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|name| name == "mod") || module == ["lib"] {
        module.pop();
    }
    module
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = Imports::of(folder.path()).unwrap();
        let name = |module: &Module| module.join("::");
        found
            .edges
            .keys()
            .map(|(from, to)| (name(from), name(to)))
            .collect()
    }

    #[test]
    fn a_re_exported_name_leads_to_the_file_that_defines_it() {
        let files = [
            ("lib.rs", "pub mod a;\npub mod b;"),
            ("a/mod.rs", "mod inner;\npub use inner::Thing;"),
            ("a/inner.rs", "pub struct Thing;"),
            ("b.rs", "use crate::a::Thing;\npub fn f(_: Thing) {}"),
        ];
        assert_eq!(imports(&files), [("b".to_owned(), "a::inner".to_owned())]);
    }

    #[test]
    fn globs_inline_paths_and_macros_count_and_tests_do_not() {
        let files = [
            ("lib.rs", "pub mod a;\npub mod b;"),
            ("a/mod.rs", "mod model;\npub use model::*;"),
            ("a/model.rs", "pub struct Thing; pub const N: u8 = 1;"),
            (
                "b.rs",
                "fn f() { let _ = crate::a::Thing; println!(\"{}\", super::a::N); }\n\
                 #[cfg(test)] mod tests { use crate::c::Nothing; }",
            ),
            ("c.rs", "pub struct Nothing;"),
        ];
        assert_eq!(imports(&files), [("b".to_owned(), "a::model".to_owned())]);
    }
}
