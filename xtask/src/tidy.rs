//! `cargo xtask tidy`: the conventions of this code base that no compiler checks. Each check is a function from the
//! text of a file to findings; the rules are tables.

mod circles;
mod documents;
mod finding;
mod manifests;
mod mutants;
mod quoted_logs;
mod size;
mod sources;
mod test_names;
mod walks;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::say;
use crate::workspace::root;
use finding::{Finding, SourceFile};

/// Files that a checkout must have, and the reason.
const REQUIRED_FILES: [(&str, &str); 10] = [
    ("README.md", "the entrance"),
    ("CONTRIBUTING.md", "how one works here"),
    ("SECURITY.md", "where vulnerabilities are reported"),
    ("deny.toml", "what `cargo xtask deny` checks dependencies against"),
    ("LICENSE-APACHE", "named in Cargo.toml"),
    ("LICENSE-MIT", "named in Cargo.toml"),
    (".ci/run", "what continuous integration runs"),
    ("config/compose.yaml", "the servers of development in containers"),
    ("config/default.toml", "the manual of the configuration, compiled in"),
    ("config/redis.conf", "the Redis of `cargo xtask services`"),
];

/// Prints the findings to stdout; it succeeds if there are none.
pub(crate) fn run() -> Result<()> {
    let files = read_all(root())?;
    let mut findings = check(root(), &files);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        say(&format!("tidy: {} files, nothing to do; lines of code: {}", files.len(), size::Sizes::of(&files)));
        return Ok(());
    }
    bail!("tidy: {} findings", findings.len())
}

fn check(root: &Path, files: &[SourceFile]) -> Vec<Finding> {
    let missing = REQUIRED_FILES.iter().filter(|(path, _)| !root.join(path).is_file());
    let mut findings: Vec<_> = missing
        .map(|(path, why)| Finding { path: path.into(), line: 1, advice: format!("add this file: it is {why}") })
        .collect();
    for file in files {
        if file.is("rs") || file.is("lua") {
            findings.extend(sources::check(file));
        } else if file.path.ends_with("Cargo.toml") {
            findings.extend(manifests::check(file));
        } else if file.is("md") {
            findings.extend(documents::check(root, file));
        }
    }
    findings.extend(circles::check(files));
    findings.extend(test_names::check(files));
    findings.extend(mutants::check(files));
    findings.extend(walks::check(files));
    findings.extend(quoted_logs::check(files));
    findings
}

fn read_all(root: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("read {}", directory.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                directories.extend(is_ours(root, &path).then_some(path));
            } else if path
                .extension()
                .is_some_and(|found| ["lua", "md", "rs", "toml"].iter().any(|known| found == *known))
            {
                let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                files.push(SourceFile { path: path.strip_prefix(root)?.to_owned(), text });
            }
        }
    }
    Ok(files)
}

/// Whether the directory is not one that cargo or git creates.
fn is_ours(root: &Path, directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('.') && directory != root.join("target")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_missing_file_is_a_finding_with_its_reason() {
        let empty = tempfile::tempdir().unwrap();
        let findings = check(empty.path(), &[]);
        assert_eq!(findings.len(), REQUIRED_FILES.len());
        assert_eq!(findings[0].to_string(), "README.md:1: add this file: it is the entrance");
    }

    #[test]
    fn artefacts_and_hidden_directories_are_not_read() {
        let root = tempfile::tempdir().unwrap();
        for (directory, file) in [("target", "a.rs"), (".git", "b.rs"), ("src", "c.rs"), ("src", "d.txt")] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
            fs::write(root.path().join(directory).join(file), "").unwrap();
        }
        let paths: Vec<_> = read_all(root.path()).unwrap().into_iter().map(|file| file.path).collect();
        assert_eq!(paths, [PathBuf::from("src/c.rs")]);
    }
}
