//! The references of one file to others: its modules, its `use`s, and the paths in its code. Test code is skipped.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// The parts of a path such as `crate::a::B`.
pub(super) type Parts = Vec<String>;

/// A module as written in a file, including `mod x { … }` in it.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Names defined here.
    pub(super) defined: BTreeSet<String>,
    /// Names that a `use` brings into scope, and where they come from.
    pub(super) brought: BTreeMap<String, Parts>,
    /// `use x::*`.
    pub(super) globs: Vec<Parts>,
    /// Paths in the code.
    pub(super) paths: Vec<Parts>,
    /// `mod x;`
    pub(super) files: Vec<String>,
    /// `mod x { … }`
    pub(super) inline: Vec<(String, Module)>,
}

impl Module {
    pub(super) fn read(text: &str) -> syn::Result<Module> {
        Ok(Module::of(&syn::parse_file(text)?.items))
    }

    /// Whether it only re-exports names.
    pub(super) fn is_face(&self) -> bool {
        self.defined.is_empty() && self.paths.is_empty()
    }

    fn of(items: &[Item]) -> Module {
        let mut module = Module::default();
        for item in items.iter().filter(|item| !is_test(attributes(item))) {
            module.visit_item(item);
        }
        module
    }

    fn take_use(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| before.iter().cloned().chain([name.to_string()]).collect::<Parts>();
        match tree {
            UseTree::Path(path) => self.take_use(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_use(tree, before)),
            UseTree::Glob(_) => self.globs.push(before.to_vec()),
            UseTree::Name(name) if name.ident == "self" => {
                self.bring(before.last().cloned().unwrap_or_default(), before.to_vec());
            }
            UseTree::Name(name) => self.bring(name.ident.to_string(), with(&name.ident)),
            UseTree::Rename(rename) => self.bring(rename.rename.to_string(), with(&rename.ident)),
        }
    }

    fn bring(&mut self, name: String, path: Parts) {
        self.brought.insert(name, path);
    }

    /// The arguments of a macro are tokens without syntax, so a path is recognized by its first word, which is one of
    /// three.
    fn take_tokens(&mut self, tokens: TokenStream) {
        let mut path: Parts = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(name) => path.push(name.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                TokenTree::Group(group) => {
                    self.end_of_path(&mut path);
                    self.take_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.end_of_path(&mut path),
            }
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Parts) {
        let start = path.iter().position(|part| ["crate", "self", "super"].contains(&part.as_str()));
        if let Some(start) = start.filter(|start| path.len() > start + 1) {
            self.paths.push(path.split_off(start));
        }
        path.clear();
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Use(item) => self.take_use(&item.tree, &[]),
            Item::Mod(item) => match &item.content {
                Some((_, items)) => self.inline.push((item.ident.to_string(), Module::of(items))),
                None => self.files.push(item.ident.to_string()),
            },
            _ => {
                self.defined.extend(name(item));
                visit::visit_item(self, item);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        self.take_tokens(invocation.tokens.clone());
    }

    /// A visibility is not an import.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        attribute.meta.require_list().is_ok_and(|list| {
            list.tokens.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(name) if name == "test"))
        })
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
