//! What one Rust file names, re-exports and defines, by its syntax tree.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// A module path below the crate: `["diagnose", "rules", "fdb"]`.
pub type Module = Vec<String>;

/// One source file.
#[derive(Debug, Default)]
pub struct Source {
    /// Absolute paths it names outside of re-exports, as module and item names.
    pub paths: BTreeSet<Vec<String>>,
    /// Names it re-exports and where they come from; `*` for globs.
    pub reexports: Vec<(String, Vec<String>)>,
    /// Items that it defines.
    pub items: BTreeSet<String>,
}

impl Source {
    /// Reads the text of a module. Also returns the modules in it that are compiled
    /// for tests only.
    ///
    /// # Errors
    /// Errors if the text is not Rust.
    pub fn read(module: Module, text: &str) -> syn::Result<(Self, BTreeSet<Module>)> {
        let mut reader = Reader {
            module,
            source: Self::default(),
            tests: BTreeSet::new(),
        };
        reader.visit_file(&syn::parse_file(text)?);
        Ok((reader.source, reader.tests))
    }
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
