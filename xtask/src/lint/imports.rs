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
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A module path below the crate: `["diagnose", "rules", "fdb"]`.
pub type Module = Vec<String>;

/// How often a re-export may lead to another one.
const REEXPORTS: usize = 8;

/// One crate's files and the imports between them.
#[derive(Debug, Default)]
pub struct Imports {
    /// From a file to the files it imports from, with the paths as written.
    pub edges: BTreeMap<(Module, Module), BTreeSet<String>>,
}

/// One source file.
#[derive(Debug, Default)]
struct Source {
    /// Absolute paths it names outside of re-exports, as module and item names.
    paths: BTreeSet<Vec<String>>,
    /// Names it re-exports and where they come from; `*` for globs.
    reexports: Vec<(String, Vec<String>)>,
    /// Items that it defines.
    items: BTreeSet<String>,
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
            let syntax = syn::parse_file(&text)
                .with_context(|| format!("{} is not Rust", file.display()))?;
            let mut reader = Reader {
                module: module.clone(),
                source: Source::default(),
                tests: BTreeSet::new(),
            };
            reader.visit_file(&syntax);
            tests.extend(reader.tests);
            sources.insert(module, reader.source);
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

/// Collects what one file names.
struct Reader {
    module: Module,
    source: Source,
    /// Modules that are compiled for tests only.
    tests: BTreeSet<Module>,
}

impl Reader {
    /// A path as written, made absolute; `None` if it leads out of the crate.
    fn absolute(&self, segments: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = segments.split_first()?;
        let mut path = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().checked_sub(1)?].to_vec(),
            _ => return None,
        };
        while let Some(("super", after)) = rest.split_first().map(|(f, r)| (f.as_str(), r)) {
            path.pop()?;
            rest = after;
        }
        path.extend_from_slice(rest);
        Some(path)
    }

    fn name(&mut self, segments: &[String]) {
        if let Some(path) = self.absolute(segments) {
            self.source.paths.insert(path);
        }
    }

    fn use_tree(&mut self, tree: &UseTree, before: &mut Vec<String>, public: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(&path.tree, before, public);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.use_tree(tree, before, public);
                }
            }
            UseTree::Name(name) => {
                self.used(
                    before,
                    &name.ident.to_string(),
                    &name.ident.to_string(),
                    public,
                );
            }
            UseTree::Rename(rename) => {
                self.used(
                    before,
                    &rename.ident.to_string(),
                    &rename.rename.to_string(),
                    public,
                );
            }
            UseTree::Glob(_) => self.used(before, "*", "*", public),
        }
    }

    fn used(&mut self, before: &[String], name: &str, exported: &str, public: bool) {
        let mut segments = before.to_vec();
        if name != "self" && name != "*" {
            segments.push(name.to_owned());
        }
        // A 2018 path may begin with a child module's name.
        let child = segments
            .first()
            .is_some_and(|first| !matches!(first.as_str(), "crate" | "self" | "super"));
        let path = if child && public {
            let mut path = self.module.clone();
            path.extend(segments.clone());
            Some(path)
        } else {
            self.absolute(&segments)
        };
        let Some(path) = path else {
            return;
        };
        if public {
            self.source.reexports.push((exported.to_owned(), path));
        } else {
            self.source.paths.insert(path);
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        let done = std::mem::take(&mut path);
                        self.name(&done);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    let done = std::mem::take(&mut path);
                    self.name(&done);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.name(&path);
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            if let Item::Mod(module) = item {
                let mut test = self.module.clone();
                test.push(module.ident.to_string());
                self.tests.insert(test);
            }
            return;
        }
        match item {
            Item::Use(used) => {
                let public = !matches!(used.vis, Visibility::Inherited);
                self.use_tree(&used.tree, &mut Vec::new(), public);
                return;
            }
            Item::Mod(module) if module.content.is_some() => {
                // A module inside the file: its `super` is the file itself.
                self.module.push(module.ident.to_string());
                visit::visit_item(self, item);
                self.module.pop();
                return;
            }
            _ => {}
        }
        if let Some(name) = defined(item) {
            self.source.items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.name(&segments);
        visit::visit_path(self, path);
    }

    /// `pub(super)` names a module and imports nothing from it.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.tokens(mac.tokens.clone());
        visit::visit_macro(self, mac);
    }
}

/// The name that an item defines.
fn defined(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(i) => &i.ident,
        Item::Enum(i) => &i.ident,
        Item::Fn(i) => &i.sig.ident,
        Item::Macro(i) => i.ident.as_ref()?,
        Item::Static(i) => &i.ident,
        Item::Struct(i) => &i.ident,
        Item::Trait(i) => &i.ident,
        Item::Type(i) => &i.ident,
        Item::Union(i) => &i.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

/// Whether an item is compiled for tests only: `#[cfg(test)]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
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
