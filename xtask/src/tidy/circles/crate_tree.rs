//! The modules of a crate, and the file that each path in them leads to. A re-exported name leads to the file that
//! defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::references::{Module, Parts};
use crate::tidy::finding::SourceFile;

/// Which file imports which, and the imported names.
pub(super) type Imports = BTreeMap<(PathBuf, PathBuf), BTreeSet<String>>;

/// Maximum number of re-exports of a name.
const LONGEST_WAY: usize = 16;

pub(super) struct CrateTree {
    /// The first place is the root.
    places: Vec<Place>,
}

struct Place {
    file: PathBuf,
    parent: usize,
    children: BTreeMap<String, usize>,
    module: Module,
}

impl CrateTree {
    /// Files that do not parse are skipped: the compiler reports them.
    pub(super) fn read(files: &[SourceFile], root: &Path) -> Self {
        let mut tree = Self { places: Vec::new() };
        let folder = root.parent().unwrap_or(root).to_owned();
        tree.add_file(files, root, &folder, 0);
        tree
    }

    /// `folder` contains the files of its children.
    fn add_file(&mut self, files: &[SourceFile], path: &Path, folder: &Path, parent: usize) -> Option<usize> {
        let file = files.iter().find(|file| file.path == path)?;
        let module = Module::read(&file.text).ok()?;
        Some(self.add(files, module, path, folder, parent))
    }

    fn add(&mut self, files: &[SourceFile], mut module: Module, file: &Path, folder: &Path, parent: usize) -> usize {
        let (inline, names) = (std::mem::take(&mut module.inline), std::mem::take(&mut module.files));
        let index = self.places.len();
        self.places.push(Place { file: file.to_owned(), parent, children: BTreeMap::new(), module });
        for (name, module) in inline {
            let child = self.add(files, module, file, &folder.join(&name), index);
            self.places[index].children.insert(name, child);
        }
        for name in names {
            let below = folder.join(&name);
            let paths = [below.with_extension("rs"), below.join("mod.rs")];
            if let Some(child) = paths.iter().find_map(|path| self.add_file(files, path, &below, index)) {
                self.places[index].children.insert(name, child);
            }
        }
        index
    }

    pub(super) fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (index, place) in self.places.iter().enumerate().filter(|(_, place)| !place.module.is_face()) {
            let module = &place.module;
            for path in module.brought.values().chain(&module.globs).chain(&module.paths) {
                let target = self.resolve(index, path, LONGEST_WAY).map(|target| &self.places[target].file);
                if let Some(target) = target.filter(|target| **target != place.file) {
                    let names = imports.entry((place.file.clone(), target.clone())).or_default();
                    names.extend(path.last().cloned());
                }
            }
        }
        imports
    }

    /// The module that defines the target of a path in module `at`; `None` if it is outside this crate.
    fn resolve(&self, at: usize, path: &[String], way: usize) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let place = &self.places[at];
        match first.as_str() {
            "crate" => self.descend(0, rest, way),
            "self" => self.descend(at, rest, way),
            "super" => self.descend(place.parent, rest, way),
            name => match place.children.get(name) {
                Some(child) => self.descend(*child, rest, way),
                None => self.follow(at, name, rest, way),
            },
        }
    }

    fn descend(&self, mut at: usize, path: &[String], way: usize) -> Option<usize> {
        for (index, name) in path.iter().enumerate() {
            if name == "super" {
                at = self.places[at].parent;
            } else if let Some(child) = self.places[at].children.get(name) {
                at = *child;
            } else if self.places[at].module.defined.contains(name) {
                return Some(at);
            } else {
                return self.follow(at, name, &path[index + 1..], way).or(Some(at));
            }
        }
        Some(at)
    }

    /// Follows the `use` in module `at` that brings this name into scope.
    fn follow(&self, at: usize, name: &str, rest: &[String], way: usize) -> Option<usize> {
        let way = way.checked_sub(1)?;
        let module = &self.places[at].module;
        if let Some(path) = module.brought.get(name) {
            let path: Parts = path.iter().chain(rest).cloned().collect();
            return self.resolve(at, &path, way);
        }
        let globs = module.globs.iter().filter_map(|glob| self.resolve(at, glob, way));
        globs.into_iter().find_map(|from| {
            let defines = self.places[from].module.defined.contains(name);
            if defines { Some(from) } else { self.follow(from, name, rest, way) }
        })
    }
}
