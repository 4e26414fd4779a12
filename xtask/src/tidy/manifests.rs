//! Versions of dependencies are in one place: the table of the workspace.

use super::finding::{Finding, SourceFile};

const ADVICE: &str = "put the version into [workspace.dependencies] and write `workspace = true` here";

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_dependencies = false;
    // An array of features may span several lines; only the first one has the key.
    let mut depth = 0;
    for (index, line) in file.text.lines().map(without_comment).enumerate() {
        let starts_a_key = depth == 0 && line.contains('=');
        if depth == 0 && line.starts_with('[') {
            in_dependencies = is_dependency_table(line);
        } else {
            depth += nesting(line);
            if in_dependencies && starts_a_key && !is_inherited(line) {
                findings.push(file.finding(index + 1, ADVICE));
            }
        }
    }
    findings
}

fn without_comment(line: &str) -> &str {
    line.split_once('#').map_or(line, |(before, _)| before).trim()
}

/// `[dependencies]`, `[dev-dependencies]`, `[target.'cfg(unix)'.dependencies]`; not `[workspace.dependencies]`.
fn is_dependency_table(header: &str) -> bool {
    let name = header.trim_matches(['[', ']']);
    name != "workspace.dependencies" && name.rsplit('.').next().is_some_and(|last| last.ends_with("dependencies"))
}

fn is_inherited(line: &str) -> bool {
    let compact: String = line.chars().filter(|character| !character.is_whitespace()).collect();
    compact.contains(".workspace=true") || compact.contains("{workspace=true") || compact.contains(",workspace=true")
}

fn nesting(line: &str) -> i32 {
    line.chars().map(|character| i32::from("[{".contains(character)) - i32::from("]}".contains(character))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_outside_the_workspace_table_are_found() {
        let text = r#"
[workspace.dependencies]
fine = "1"
[package]
version = "1"
[dependencies]
a.workspace = true
b = { workspace = true, features = [
    "x = y",
] }
c = "1" # why
[target.'cfg(unix)'.dependencies]
d = { path = "../d" }
[dev-dependencies]
e = { features = ["x"], workspace = true }
[lints]
workspace = true
"#;
        let file = SourceFile { path: "Cargo.toml".into(), text: text.to_owned() };
        let lines: Vec<_> = check(&file).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [11, 13]);
    }
}
