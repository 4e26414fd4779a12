//! Conventions of Rust sources and Lua scripts.
//!
//! Test code does not count as code here: code below `mod tests`, or in a `tests` or `benches` directory, may be long
//! and may use commands that are forbidden in production.

use std::path::Path;

use super::finding::{Finding, SourceFile};

const MAX_LINES: usize = 500;
/// Maximum width of a comment. rustfmt applies the same limit to the code.
const MAX_COLUMNS: usize = 120;

/// Written in two halves, so that this file does not match itself.
const UNFINISHED: [(&str, &str); 4] = [
    (concat!("todo", "!("), "write it, or return an error"),
    (concat!("unimplemented", "!("), "write it, or return an error"),
    (concat!("dbg", "!("), "remove it, or log through tracing"),
    (concat!("FIX", "ME"), "fix it, or open an issue and name it in a comment"),
];

const NAMELESS_FILES: [&str; 4] = ["utils.rs", "util.rs", "helpers.rs", "misc.rs"];

/// Commands that block the server for all clients, or delete the data of other programs. In lower case, as written in
/// Rust and in Lua.
const FORBIDDEN_COMMANDS: [(&str, &str); 6] = [
    ("cmd(\"keys\"", "KEYS stops the server while it walks all keys: use SCAN"),
    ("call('keys'", "KEYS stops the server while it walks all keys: use SCAN"),
    ("call(\"keys\"", "KEYS stops the server while it walks all keys: use SCAN"),
    ("cmd(\"flush", "it deletes the keys of other programs: UNLINK our own"),
    ("call('flush", "it deletes the keys of other programs: UNLINK our own"),
    ("call(\"flush", "it deletes the keys of other programs: UNLINK our own"),
];

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.is("rs") {
        findings.extend(check_beginning(file));
        findings.extend(check_name(file));
        findings.extend(check_length(file));
        findings.extend(check_width(file));
        findings.extend(check_lines(file, &UNFINISHED, usize::MAX, str::to_owned));
    }
    if file.path.starts_with("crates") {
        findings.extend(check_lines(file, &FORBIDDEN_COMMANDS, lines_of_code(file), str::to_lowercase));
    }
    findings
}

fn check_beginning(file: &SourceFile) -> Option<Finding> {
    let advice = "begin with `//!`: what the file is for, the invariant it guards, who calls it";
    (!file.text.starts_with("//!")).then(|| file.finding(1, advice))
}

fn check_name(file: &SourceFile) -> Option<Finding> {
    let name = file.path.file_name()?.to_str()?;
    NAMELESS_FILES.contains(&name).then(|| file.finding(1, "name the file by the concept in it"))
}

fn check_length(file: &SourceFile) -> Option<Finding> {
    let lines = lines_of_code(file);
    let advice = format!("{lines} lines without the tests, {MAX_LINES} are allowed: split it by concept");
    (lines > MAX_LINES).then(|| file.finding(MAX_LINES + 1, advice))
}

/// Text without a blank, such as an address, cannot be wrapped.
fn check_width(file: &SourceFile) -> Vec<Finding> {
    let is_wide = |line: &str| line.chars().count() > MAX_COLUMNS;
    let prose = |line: &str| line.trim_start().strip_prefix("//").is_some_and(|text| text.trim_end().contains(' '));
    let numbered = file.text.lines().enumerate();
    let advice = format!("wrap this comment at {MAX_COLUMNS} columns");
    numbered.filter(|(_, line)| is_wide(line) && prose(line)).map(|(at, _)| file.finding(at + 1, &*advice)).collect()
}

fn check_lines(
    file: &SourceFile,
    rules: &[(&str, &str)],
    lines: usize,
    normalise: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let numbered = file.text.lines().enumerate().take(lines);
    let found = |(index, line): (usize, &str)| {
        let line = normalise(line);
        let (pattern, advice) = rules.iter().find(|(pattern, _)| line.contains(pattern))?;
        Some(file.finding(index + 1, format!("`{pattern}`: {advice}")))
    };
    numbered.filter_map(found).collect()
}

/// The number of lines before the tests; zero for a file of tests.
fn lines_of_code(file: &SourceFile) -> usize {
    if is_test_code(&file.path) {
        return 0;
    }
    let lines: Vec<_> = file.text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod tests"));
    tests.unwrap_or(lines.len())
}

/// The lines of a file before its tests.
pub(super) fn code(file: &SourceFile) -> impl Iterator<Item = &str> {
    file.text.lines().take(lines_of_code(file))
}

fn is_test_code(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches")
        || path.file_name().is_some_and(|name| name == "tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advices(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile { path: path.into(), text: text.to_owned() };
        check(&file).iter().map(ToString::to_string).collect()
    }

    fn assert_one(path: &str, text: &str, expected: &str) {
        let found = advices(path, text);
        assert!(found.len() == 1 && found[0].contains(expected), "{text}: {found:?}");
    }

    #[test]
    fn good_code_has_no_findings() {
        assert_eq!(advices("crates/a/src/lib.rs", "//! What it is for.\nfn main() {}\n"), [""; 0]);
    }

    #[test]
    fn each_rule_finds_its_line() {
        assert_one("a.rs", "fn main() {}\n", "a.rs:1: begin with");
        assert_one("src/utils.rs", "//! x\n", "name the file");
        for (pattern, _) in UNFINISHED {
            assert_one("a.rs", &format!("//! x\nfn f() {{ {pattern} }}\n"), "a.rs:2: ");
        }
        for line in ["redis::cmd(\"KEYS\")", "redis.call('FLUSHDB')", "cmd(\"flushall\")"] {
            assert_one("crates/a/src/a.rs", &format!("//! x\n{line}\n"), "a.rs:2: ");
        }
        assert_one("crates/a/src/a.lua", "return redis.call('KEYS', '*')", "SCAN");
        assert_eq!(advices("crates/a/src/a.lua", "return redis.call('GET', KEYS[1])"), [""; 0]);
    }

    #[test]
    fn length_counts_code_and_not_its_tests() {
        let code = format!("//! x\n{}", "fn f() {}\n".repeat(MAX_LINES - 1));
        assert_eq!(advices("a.rs", &code), [""; 0]);
        assert_one("a.rs", &format!("{code}fn g() {{}}\n"), "a.rs:501: 501 lines");
        assert_eq!(advices("a.rs", &format!("{code}#[cfg(test)]\nmod tests {{\n}}\n")), [""; 0]);
        assert_eq!(advices("crates/a/tests/long.rs", &code.repeat(2)), [""; 0]);
    }

    #[test]
    fn comments_are_wrapped() {
        let of = |words: usize| format!("//! x\n/// {}\nfn f() {{}}\n", "word ".repeat(words).trim_end());
        assert_eq!(advices("a.rs", &of(23)), [""; 0]);
        assert_one("a.rs", &of(24), "a.rs:2: wrap this comment at 120 columns");
    }

    #[test]
    fn tests_may_empty_their_own_server() {
        let text = "//! x\n#[cfg(test)]\nmod tests {\n    cmd(\"FLUSHALL\")\n}\n";
        assert_eq!(advices("crates/a/src/a.rs", text), [""; 0]);
    }
}
