//! The programs write every log line that the documents quote, because operators search for them.
//!
//! A quote is text in backticks after words that name the log, see [`BEFORE`]. The part that `…` stands for may be
//! anything.

use super::finding::{Finding, SourceFile};

/// How a sentence ends before it quotes a line.
const BEFORE: [&str; 8] = [
    "log ",
    "logs ",
    "log has ",
    "log says ",
    "log: ",
    "log of a service says ",
    "log line: ",
    "log that begins with ",
];
const LEFT_OUT: char = '…';

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let documents = files.iter().filter(|file| file.is("md") && !file.path.ends_with("CHANGELOG.md"));
    documents.flat_map(|document| unsaid(document, files)).collect()
}

fn unsaid(document: &SourceFile, files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        for quote in quotes(line).filter(|quote| !is_said(quote, files)) {
            findings
                .push(document.finding(index + 1, format!("no program logs `{quote}`: quote a line that it writes")));
        }
    }
    findings
}

/// Text in backticks, selected by the text before it.
fn quotes(line: &str) -> impl Iterator<Item = &str> {
    let parts: Vec<&str> = line.split('`').collect();
    let pairs: Vec<(&str, &str)> = parts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    pairs.into_iter().filter(|(before, _)| BEFORE.iter().any(|words| ends_with(before, words))).map(|(_, quote)| quote)
}

/// Only whole words: `catalog` does not end with the word `log`.
fn ends_with(text: &str, words: &str) -> bool {
    let before = text.strip_suffix(words);
    before.is_some_and(|before| !before.ends_with(|last: char| last.is_alphanumeric()))
}

fn is_said(quote: &str, files: &[SourceFile]) -> bool {
    let sources = || files.iter().filter(|file| file.is("rs") && file.path.starts_with("crates"));
    let parts = quote.split(LEFT_OUT).map(str::trim).filter(|part| !part.is_empty());
    parts.into_iter().all(|part| sources().any(|file| file.text.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn a_quoted_line_that_no_program_writes_is_found() {
        let source =
            file("crates/a/src/b.rs", r#"warn!(%error, "redis is away"); format!("{n} % of the calls failed")"#);
        let document = file(
            "docs/c.md",
            "the log has `redis is away`\nlogs `redis is back`\nits log line: `… % of the calls failed`\nits catalog `x`, `y`",
        );
        let lines: Vec<_> = check(&[source, document]).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2]);
    }
}
