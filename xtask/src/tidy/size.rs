//! The number of code lines of a crate, without blank lines, comments and tests.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::SourceFile;
use super::sources::code;

/// Lines by crate.
pub(super) struct Sizes(BTreeMap<String, usize>);

impl Sizes {
    pub(super) fn of(files: &[SourceFile]) -> Self {
        let mut sizes = BTreeMap::new();
        for file in files.iter().filter(|file| file.is("rs")) {
            if let Some(name) = crate_of(&file.path) {
                *sizes.entry(name).or_default() += code(file).filter(|line| is_code(line)).count();
            }
        }
        Self(sizes)
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, lines) in &self.0 {
            write!(formatter, "{name} {lines}, ")?;
        }
        write!(formatter, "together {}", self.0.values().sum::<usize>())
    }
}

/// The crates that are shipped, and xtask. Only `src` counts.
fn crate_of(path: &Path) -> Option<String> {
    let parts: Vec<&str> = path.components().filter_map(|part| part.as_os_str().to_str()).collect();
    match parts.as_slice() {
        ["crates", name, "src", ..] | [name @ "xtask", "src", ..] => Some((*name).to_owned()),
        _ => None,
    }
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_comments_and_tests_are_no_code() {
        let text = "//! x\n\nfn f() {\n    // why\n    g()\n}\n#[cfg(test)]\nmod tests {\n    fn t() {}\n}\n";
        let file = |path: &str| SourceFile { path: path.into(), text: text.to_owned() };
        let files = ["crates/a/src/lib.rs", "crates/a/tests/a.rs", "xtask/src/main.rs", "xtask/src/tests.rs"].map(file);
        assert_eq!(Sizes::of(&files).to_string(), "a 3, xtask 3, together 6");
    }
}
