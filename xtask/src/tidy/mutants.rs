//! Each part of the protocol can be taken out of the code, or the document says why not; and each mutation of the code
//! has a test that is there.

use std::collections::BTreeSet;
use std::path::Path;

use super::finding::{Finding, SourceFile};
use super::test_names;
use crate::mutants::table::{self, DOCUMENT, Row};

/// How the code asks for a part.
const ASKS: [&str; 4] = ["keeps(\"", "mutation::script(\"", "covered(\"", "keep_without(\""];
/// How a cell begins that says why a part cannot be taken out.
const WHY_NOT: &str = "none:";

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let documents = files.iter().filter(|file| file.path == Path::new(DOCUMENT));
    documents.flat_map(|document| check_document(document, files)).collect()
}

fn check_document(document: &SourceFile, files: &[SourceFile]) -> Vec<Finding> {
    let (parts, mutants) = (table::parts(&document.text), table::mutants(&document.text));
    let in_code = names_in_code(files);
    let with_test: BTreeSet<&str> = mutants.iter().flat_map(|row| row.quoted(0)).collect();
    let mut findings: Vec<Finding> = parts.iter().filter_map(|row| check_part(document, row, &with_test)).collect();
    let named: BTreeSet<&str> = parts.iter().flat_map(|row| row.quoted(2)).collect();
    findings.extend(mutants.iter().filter_map(|row| check_mutant(document, row, &named, &in_code, files)));
    let untested = in_code.difference(&with_test);
    findings.extend(untested.map(|name| document.finding(1, format!("no test is named for the mutation `{name}`"))));
    findings
}

fn check_part(document: &SourceFile, row: &Row<'_>, with_test: &BTreeSet<&str>) -> Option<Finding> {
    if row.quoted(2).next().is_none() && !row.cell(2).starts_with(WHY_NOT) {
        let advice = format!("name the mutations that take this part out of the code, or say `{WHY_NOT}` and why");
        return Some(document.finding(row.line, advice));
    }
    let without_test = row.quoted(2).find(|name| !with_test.contains(name))?;
    Some(document.finding(row.line, format!("no test is named for the mutation `{without_test}`")))
}

fn check_mutant(
    document: &SourceFile,
    row: &Row<'_>,
    named: &BTreeSet<&str>,
    in_code: &BTreeSet<&str>,
    files: &[SourceFile],
) -> Option<Finding> {
    let Some(mutant) = row.mutant() else {
        return Some(document.finding(row.line, "name the mutation, the suite and the test"));
    };
    let name = mutant.name.as_str();
    let (module, test) = mutant.test.rsplit_once("::").unwrap_or_default();
    let module = module.rsplit("::").next().unwrap_or_default();
    let advice = if !in_code.contains(name) {
        format!("the code has no mutation `{name}`")
    } else if !named.contains(name) {
        format!("name `{name}` beside the part that it takes out")
    } else if !test_names::exists(files, module, test) {
        format!("there is no test `{}`: name the one that fails without this", mutant.test)
    } else {
        return None;
    };
    Some(document.finding(row.line, advice))
}

fn names_in_code(files: &[SourceFile]) -> BTreeSet<&str> {
    let is_code = |file: &&SourceFile| file.is("rs") && file.path.starts_with("crates");
    files.iter().filter(is_code).flat_map(|file| ASKS.iter().flat_map(|asks| quoted_after(asks, &file.text))).collect()
}

fn quoted_after<'a>(asks: &'a str, text: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(asks).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: [&str; 2] = [
        "## What breaks without each part\n| part | without it | mutations |\n| --- | --- | --- |\n",
        "## The code without each part\n| without | suite | test |\n| --- | --- | --- |\n",
    ];

    fn findings(parts: &str, mutants: &str) -> Vec<String> {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.to_owned() };
        let document = format!("{}{parts}{}{mutants}", HEADS[0], HEADS[1]);
        let files = [
            file("crates/a/src/a.rs", "if keeps(\"a\") {}"),
            file("crates/a/tests/a/late.rs", "#[test]\nfn it_is() {}\n"),
            file(DOCUMENT, &document),
        ];
        check(&files).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_part_has_a_mutation_in_the_code_and_a_mutation_has_a_test() {
        let found = findings("| p | q | `a` |\n| r | s | none: it is not code |\n", "| `a` | `a` | `late::it_is` |\n");
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn what_is_missing_is_found_on_either_side() {
        let found =
            findings("| p | q | |\n| r | s | `b` |\n", "| `a` | `a` | `late::gone` |\n| `c` | `a` | `late::it_is` |\n");
        let lines: Vec<&str> = found.iter().map(|line| line.rsplit_once(".md:").unwrap().1).collect();
        assert_eq!(
            lines,
            [
                "4: name the mutations that take this part out of the code, or say `none:` and why",
                "5: no test is named for the mutation `b`",
                "9: name `a` beside the part that it takes out",
                "10: the code has no mutation `c`",
            ]
        );
        let unnamed = findings("| p | q | none: why |\n", "");
        assert_eq!(unnamed, ["docs/protocol.md:1: no test is named for the mutation `a`"]);
    }
}
