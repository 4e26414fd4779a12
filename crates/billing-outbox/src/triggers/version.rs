//! The version of the application that made a trigger, stored in the trigger's own text.
//!
//! Stored there, it needs no table, no row, and no right but to read the catalogue. It lasts exactly as long as the
//! trigger, and survives a dump and a restore. A trigger without it was made before versions were recorded.
//!
//! Used by [`super::check_triggers`] and the migration.

use super::installed::InstalledTrigger;
use crate::declaration::Owner;

/// The version of triggers that have none in their texts.
const UNMARKED: u32 = 1;

fn mark(owner: &Owner) -> String {
    format!("{} triggers, version ", owner.name)
}

/// The first line of every trigger.
pub(super) fn comment(owner: &Owner) -> String {
    format!("    /* {}{} */\n", mark(owner), owner.version)
}

fn of(owner: &Owner, trigger: &InstalledTrigger) -> u32 {
    let marked = trigger.sql.split_once(&mark(owner)).and_then(|(_, rest)| rest.split([' ', '*']).next()?.parse().ok());
    marked.unwrap_or(UNMARKED)
}

pub(super) fn is_newer(owner: &Owner, trigger: &InstalledTrigger) -> bool {
    of(owner, trigger) > owner.version
}

/// The version of the newest of these triggers, if a newer build than this one made it.
#[must_use]
pub fn newer_than_this_build(owner: &Owner, installed: &[InstalledTrigger]) -> Option<u32> {
    installed.iter().map(|trigger| of(owner, trigger)).max().filter(|version| *version > owner.version)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner = Owner { name: "shop", version: 3, copies: None };

    fn trigger(sql: String) -> InstalledTrigger {
        InstalledTrigger { name: "t".to_owned(), table: "payments".to_owned(), sql }
    }

    #[test]
    fn a_trigger_tells_its_version() {
        assert_eq!(of(&OWNER, &trigger(format!("BEGIN\n{}END", comment(&OWNER)))), OWNER.version);
        assert_eq!(of(&OWNER, &trigger(format!("/* {}17*/", mark(&OWNER)))), 17);
        assert_eq!(of(&OWNER, &trigger("BEGIN SELECT 1; END".to_owned())), UNMARKED);
        assert_eq!(of(&OWNER, &trigger(format!("/* {}many */", mark(&OWNER)))), UNMARKED);
    }

    #[test]
    fn the_newest_decides() {
        let newest = |versions: &[u32]| {
            let installed: Vec<_> =
                versions.iter().map(|version| trigger(format!("/* {}{version} */", mark(&OWNER)))).collect();
            newer_than_this_build(&OWNER, &installed)
        };
        assert_eq!(newest(&[]), None);
        assert_eq!(newest(&[1, OWNER.version]), None);
        assert_eq!(newest(&[3, 5, 4]), Some(5));
    }
}
