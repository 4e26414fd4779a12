//! The tests that `docs/consistency.md` names exist: a guarantee without its test is only a claim.
//!
//! A name is `file::test`, where `file.rs` contains the test, or `file::*` for all tests of a file. Any text in
//! backticks that contains `::` and begins with a lower-case letter is such a name.

use std::path::Path;

use super::finding::{Finding, SourceFile};

/// The document with the guarantees.
const DOCUMENT: &str = "docs/consistency.md";
/// The macro of `tests/system` that lists the tests which run on both databases.
const LIST_OF_TESTS: &str = "on_both_databases![";

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let documents = files.iter().filter(|file| file.path == Path::new(DOCUMENT));
    documents.flat_map(|document| missing(document, files)).collect()
}

fn missing(document: &SourceFile, files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        let unknown = names(line).filter(|(module, test)| !exists(files, module, test));
        findings.extend(unknown.map(|(module, test)| {
            document.finding(index + 1, format!("there is no test `{module}::{test}`: name the one that shows this"))
        }));
    }
    findings
}

/// Names of tests in backticks: file and test.
fn names(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase())).filter_map(|name| {
        let (path, test) = name.rsplit_once("::")?;
        Some((path.rsplit("::").next().unwrap_or(path), test))
    })
}

pub(super) fn exists(files: &[SourceFile], module: &str, test: &str) -> bool {
    let mut of_module = files.iter().filter(|file| file.is("rs") && holds_tests_of(&file.path, module));
    of_module.any(|file| if test == "*" { has_tests(file) } else { has_test(file, test) })
}

/// The tests of a module are in its own file, or in `tests.rs` of its folder.
fn holds_tests_of(path: &Path, module: &str) -> bool {
    let is_module = |part: Option<&std::ffi::OsStr>| part.is_some_and(|name| name == module);
    is_module(path.file_stem()) || (path.ends_with("tests.rs") && is_module(path.parent().and_then(Path::file_name)))
}

fn has_tests(file: &SourceFile) -> bool {
    file.text.lines().any(|line| line.starts_with(LIST_OF_TESTS) || is_test_attribute(line.trim()))
}

fn has_test(file: &SourceFile, test: &str) -> bool {
    let (sync, in_async, in_list) = (format!("fn {test}("), format!("async fn {test}("), format!("{test},"));
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let is_function = |line: &str| line.starts_with(&sync) || line.starts_with(&in_async);
    let Some(place) = lines.iter().position(|line| is_function(line)) else { return false };
    let mut attributes = lines[..place].iter().rev().take_while(|line| line.starts_with("#["));
    attributes.any(|line| is_test_attribute(line))
        || (file.text.contains(LIST_OF_TESTS) && lines.contains(&in_list.as_str()))
}

fn is_test_attribute(line: &str) -> bool {
    line == "#[test]" || line.starts_with("#[tokio::test")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn only_names_of_tests_that_do_not_exist_are_found() {
        let files = [
            file(
                "crates/a/tests/a/late.rs",
                "#[tokio::test(start_paused = true)]\nasync fn it_comes_late() {}\nfn helper() {}\n",
            ),
            file("tests/system/both.rs", "on_both_databases![\n    it_holds,\n];\nfn it_holds(backend: Backend) {}\n"),
            file("crates/a/src/unit.rs", "mod tests {\n    #[test]\n    fn it_is_exact() {}\n}\n"),
            file("crates/a/src/long/tests.rs", "#[test]\nfn it_is_apart() {}\n"),
            file(
                "docs/consistency.md",
                "`late::it_comes_late` `late::*` `both::it_holds` `unit::it_is_exact` `long::it_is_apart` `a::late::*`\n\
                 `late::helper` `Pending::Invalidation` `gone::*` x::y `cache.patience_ms`\n",
            ),
            file("README.md", "`gone::too`"),
        ];
        let found: Vec<_> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/consistency.md:2: there is no test `late::helper`: name the one that shows this",
                "docs/consistency.md:2: there is no test `gone::*`: name the one that shows this",
            ]
        );
    }
}
