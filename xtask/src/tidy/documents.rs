//! Links between documents, and from documents to code, have existing targets.

use std::path::Path;

use super::finding::{Finding, SourceFile};

pub(super) fn check(root: &Path, file: &SourceFile) -> Vec<Finding> {
    let directory = root.join(&file.path).parent().map(Path::to_owned).unwrap_or_default();
    let mut findings = Vec::new();
    let mut in_code_block = false;
    for (index, line) in file.text.lines().enumerate() {
        in_code_block ^= line.trim_start().starts_with("```");
        if in_code_block {
            continue;
        }
        let broken = targets(line).filter(|target| !directory.join(target).exists());
        findings
            .extend(broken.map(|target| file.finding(index + 1, format!("`{target}` is not there: correct the link"))));
    }
    findings
}

/// The relative targets of `[text](target)`, without their anchors.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let paths = links.map(|(target, _)| target.split(['#', ' ']).next().unwrap_or_default());
    paths.filter(|path| !path.is_empty() && !path.contains("://") && !path.starts_with("mailto:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_links_that_lead_nowhere_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("README.md"), "").unwrap();
        let text = "[a](../README.md#top) [b](https://example.org/x) [c](#here)\n\
                    [d](gone.md)\n```\n[e](in-code.md)\n```\n[f](../README.md) and [g](../gone \"title\")\n";
        let file = SourceFile { path: "docs/a.md".into(), text: text.to_owned() };
        let found: Vec<_> = check(root.path(), &file).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/a.md:2: `gone.md` is not there: correct the link",
                "docs/a.md:6: `../gone` is not there: correct the link",
            ]
        );
    }
}
