//! Combines the findings of several primaries with the same checks: the worst finding of each check is reported.

use std::cmp::Reverse;

use crate::reports::doctor::Finding;

/// The findings of one primary.
pub(super) struct Examined {
    /// Host and port.
    pub(super) name: String,
    /// In the same order for all primaries.
    pub(super) findings: Vec<Finding>,
}

/// The worst finding of each check, with the name of its primary and the number of others at the same level. If all
/// primaries have the same finding, no name is given.
pub(super) fn worst(examined: Vec<Examined>) -> Vec<Finding> {
    let mut columns: Vec<(String, std::vec::IntoIter<Finding>)> =
        examined.into_iter().map(|Examined { name, findings }| (name, findings.into_iter())).collect();
    let mut row = || -> Vec<(String, Finding)> {
        columns.iter_mut().filter_map(|(name, findings)| Some((name.clone(), findings.next()?))).collect()
    };
    std::iter::from_fn(|| worst_of(row())).collect()
}

/// `None` if there are no findings.
fn worst_of(found: Vec<(String, Finding)>) -> Option<Finding> {
    let same = |(_, finding): &(String, Finding)| finding.found == found[0].1.found;
    let are_alike = found.iter().all(same);
    let level = found.iter().map(|(_, finding)| finding.level).max()?;
    let others = found.iter().filter(|(_, finding)| finding.level == level).count() - 1;
    let (name, mut worst) = found.into_iter().min_by_key(|(_, finding)| Reverse(finding.level))?;
    if !are_alike {
        let others = if others == 0 { String::new() } else { format!(" and {others} like it") };
        worst.found = format!("{name}{others}: {}", worst.found);
    }
    Some(worst)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::doctor::Subject;

    fn examined(name: &str, memory: Finding, version: &str) -> Examined {
        Examined { name: name.to_owned(), findings: vec![memory, Subject::Redis.ok("version", version)] }
    }

    #[test]
    fn the_worst_is_named_and_what_is_alike_is_said_once() {
        let redis = Subject::Redis;
        let examined = vec![
            examined("a:1", redis.ok("memory", "little"), "7"),
            examined("b:1", redis.note("memory", "much", "less"), "7"),
            examined("c:1", redis.note("memory", "more", "less"), "7"),
        ];
        let found: Vec<String> = worst(examined).into_iter().map(|finding| finding.found).collect();
        assert_eq!(found, ["b:1 and 1 like it: much", "7"]);
    }

    #[test]
    fn one_primary_needs_no_name() {
        let found = worst(vec![examined("a:1", Subject::Redis.problem("memory", "none", "some"), "7")]);
        assert_eq!((found[0].found.as_str(), found.len()), ("none", 2));
    }
}
