//! No file and no folder of a crate imports, directly or indirectly, something that imports it, so that a reader can
//! start at the bottom.
//!
//! Folders are compared level by level: if a file of one imports from a file of another, the folder imports it too. A
//! parent (`a.rs` or `a/mod.rs`) belongs to its folder. Test code may import anything.

mod crate_tree;
mod references;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use petgraph::algo::{astar, tarjan_scc};
use petgraph::graphmap::DiGraphMap;

use super::finding::{Finding, SourceFile};
use crate_tree::{CrateTree, Imports};

/// Crates that still have circles. No crate is added; a crate without circles is removed.
const NOT_YET: [&str; 1] = ["crates/billing-core"];

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let roots = files.iter().filter(|file| file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs"));
    let roots = roots.filter(|root| !root.path.starts_with("tests"));
    let roots = roots.filter(|root| !NOT_YET.iter().any(|name| root.path.starts_with(name)));
    roots.flat_map(|root| check_crate(files, &root.path)).collect()
}

fn check_crate(files: &[SourceFile], root: &Path) -> Vec<Finding> {
    let imports = CrateTree::read(files, root).imports();
    let in_files = circles(&imports).into_iter().map(|circle| finding(&circle, &imports));
    let in_folders = levels(&imports).into_iter().flat_map(|(folder, level)| {
        let circles = circles(&level).into_iter().filter(|circle| !circle.iter().all(|path| is_file(path)));
        let findings = circles.map(|circle| finding(&circle, &level)).collect::<Vec<_>>();
        findings.into_iter().map(move |finding| Finding { path: folder.join(&finding.path), ..finding })
    });
    in_files.chain(in_folders).collect()
}

fn is_file(path: &Path) -> bool {
    path.extension().is_some()
}

/// The imports between the entries of each folder.
fn levels(imports: &Imports) -> BTreeMap<PathBuf, Imports> {
    let parents = parents(imports);
    let mut levels: BTreeMap<PathBuf, Imports> = BTreeMap::new();
    for ((from, to), names) in imports {
        let (from, to) = (in_its_folder(from, &parents), in_its_folder(to, &parents));
        let shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
        let entry = |path: &Path| path.components().nth(shared).map(|part| PathBuf::from(part.as_os_str()));
        if let (Some(importer), Some(imported)) = (entry(&from), entry(&to)) {
            let folder = from.components().take(shared).collect();
            let level = levels.entry(folder).or_default();
            level.entry((importer, imported)).or_default().extend(names.iter().cloned());
        }
    }
    levels
}

/// The files `a.rs` that have a folder `a` beside them.
fn parents(imports: &Imports) -> BTreeSet<PathBuf> {
    let files = imports.keys().flat_map(|(from, to)| [from, to]);
    files.filter_map(|file| file.parent()).map(|folder| folder.with_extension("rs")).collect()
}

/// Moves a parent into its folder, as `mod.rs`.
fn in_its_folder(file: &Path, parents: &BTreeSet<PathBuf>) -> PathBuf {
    if parents.contains(file) { file.with_extension("").join("mod.rs") } else { file.to_owned() }
}

/// One shortest circle from each strongly connected group of entries.
fn circles(imports: &Imports) -> Vec<Vec<&Path>> {
    let edges = imports.keys().map(|(from, to)| (from.as_path(), to.as_path()));
    let graph: DiGraphMap<&Path, ()> = DiGraphMap::from_edges(edges);
    let knots = tarjan_scc(&graph).into_iter().filter(|knot| knot.len() > 1);
    knots.filter_map(|knot| shortest_circle(&graph, &knot)).collect()
}

fn shortest_circle<'a>(graph: &DiGraphMap<&'a Path, ()>, knot: &[&'a Path]) -> Option<Vec<&'a Path>> {
    let edges = knot.iter().flat_map(|from| graph.neighbors(from).map(move |to| (*from, to)));
    let circles = edges.filter_map(|(from, to)| Some(astar(graph, to, |node| node == from, |_| 1, |_| 0)?.1));
    circles.min_by_key(Vec::len)
}

fn finding(circle: &[&Path], imports: &Imports) -> Finding {
    let mut way = String::new();
    for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
        let names = imports.get(&(from.to_path_buf(), to.to_path_buf())).into_iter().flatten();
        let names: Vec<&str> = names.map(String::as_str).take(4).collect();
        way += &format!("{} uses {} of ", from.display(), names.join(", "));
    }
    let first = circle.first().map(|path| path.to_path_buf()).unwrap_or_default();
    let advice = format!("a circle of imports: {way}{}: move what they share below all of them", first.display());
    Finding { path: first, line: 1, advice }
}

#[cfg(test)]
mod tests;
