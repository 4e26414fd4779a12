//! The walks through the code in `docs/architecture.md` name existing files and functions, and cross a limited number
//! of files.
//!
//! A step is `path/of/file.rs: function` in backticks, with the shortest unambiguous path. A walk is a section whose
//! heading is in the table below.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Finding, SourceFile};

const DOCUMENT: &str = "docs/architecture.md";

/// The heading, and the maximum number of files of the walk.
const WALKS: [(&str, usize); 3] = [("## A read that hits Redis", 13), ("## A read that misses", 9), ("## A write", 18)];

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let documents = files.iter().filter(|file| file.path == Path::new(DOCUMENT));
    documents
        .flat_map(|document| WALKS.iter().flat_map(|(heading, most)| walk(document, heading, *most, files)))
        .collect()
}

fn walk(document: &SourceFile, heading: &str, most: usize, files: &[SourceFile]) -> Vec<Finding> {
    let mut lines = document.text.lines().enumerate().skip_while(|(_, line)| *line != heading);
    let Some((beginning, _)) = lines.next() else {
        return vec![
            document.finding(1, format!("write the section `{heading}`: a numbered list of `file.rs: function`")),
        ];
    };
    let section = lines.take_while(|(_, line)| !line.starts_with("## "));
    let steps: Vec<_> = section.flat_map(|(index, line)| steps(line).map(move |step| (index, step))).collect();
    let mut findings: Vec<_> = steps
        .iter()
        .filter(|(_, (path, function))| !exists(files, path, function))
        .map(|(index, (path, function))| document.finding(index + 1, format!("`{path}` has no function `{function}`")))
        .collect();
    let crossed = steps.iter().map(|(_, (path, _))| path).collect::<BTreeSet<_>>().len();
    if !(1..=most).contains(&crossed) {
        let advice = format!("the walk crosses {crossed} files: at least 1 and at most {most} are allowed");
        findings.push(document.finding(beginning + 1, advice));
    }
    findings
}

fn steps(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter_map(|step| step.split_once(": ")).filter(|(path, _)| path.ends_with(".rs"))
}

fn exists(files: &[SourceFile], path: &str, function: &str) -> bool {
    let mut named = files.iter().filter(|file| file.path.ends_with(path));
    let begins = [format!("fn {function}("), format!("fn {function}<")];
    named.any(|file| begins.iter().any(|begin| file.text.contains(begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(walks: &str) -> Vec<String> {
        let code = "impl Cache { pub async fn get(&self) {} fn send<T>() {} }";
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.to_owned() };
        let files = [file(DOCUMENT, walks), file("crates/a/src/read/get.rs", code)];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn steps_that_exist_are_no_findings() {
        let walk = "1. `read/get.rs: get`, then\n2. `get.rs: send`";
        let sections: String = WALKS.iter().map(|(heading, _)| format!("{heading}\n{walk}\n")).collect();
        assert_eq!(findings(&sections), [""; 0]);
    }

    #[test]
    fn what_is_gone_or_empty_or_missing_is_found() {
        let found =
            findings("## A read that hits Redis\n1. `read/get.rs: get`\n2. `read/get.rs: take`\n## A write\nno step\n");
        let expected = [
            "docs/architecture.md:3: `read/get.rs` has no function `take`",
            "docs/architecture.md:1: write the section `## A read that misses`",
            "docs/architecture.md:4: the walk crosses 0 files",
        ];
        assert!(found.len() == 3 && found.iter().zip(expected).all(|(one, other)| one.starts_with(other)), "{found:?}");
    }

    #[test]
    fn a_walk_through_too_many_files_is_found() {
        let code = |index: usize| SourceFile {
            path: format!("crates/a/src/f{index}.rs").into(),
            text: "fn f() {}".to_owned(),
        };
        let steps: String = (0..19).map(|index| format!("1. `f{index}.rs: f`\n")).collect();
        let short = "1. `f0.rs: f`\n";
        let text = format!("{}\n{short}{}\n{short}{}\n{steps}", WALKS[0].0, WALKS[1].0, WALKS[2].0);
        let files: Vec<_> = [SourceFile { path: DOCUMENT.into(), text }].into_iter().chain((0..19).map(code)).collect();
        assert_eq!(check(&files).len(), 1);
    }
}
