//! The version of this crate that made a trigger, stored in the trigger's own text.
//!
//! Stored there, it needs no table, no row, and no right but to read the catalogue. It lasts exactly as long as the
//! trigger, and survives a dump and a restore. A trigger without it was made before versions were recorded.
//!
//! Used by [`super::check_triggers`] and [`crate::migration::migrate`].

use super::InstalledTrigger;

/// The version of the triggers that this build makes. Every change of their texts raises it, also when a cached type is
/// added: an older `migrate` then refuses to replace them by its own.
pub const VERSION: u32 = 3;

/// The version of triggers that have none in their texts.
const UNMARKED: u32 = 1;

const MARK: &str = "billing_cache triggers, version ";

/// The first line of every trigger.
pub(super) fn comment() -> String {
    format!("    /* {MARK}{VERSION} */\n")
}

fn of(trigger: &InstalledTrigger) -> u32 {
    let marked = trigger.sql.split_once(MARK).and_then(|(_, rest)| rest.split([' ', '*']).next()?.parse().ok());
    marked.unwrap_or(UNMARKED)
}

pub(super) fn is_newer(trigger: &InstalledTrigger) -> bool {
    of(trigger) > VERSION
}

/// The version of the newest of these triggers, if a newer build than this one made it.
#[must_use]
pub fn newer_than_this_build(installed: &[InstalledTrigger]) -> Option<u32> {
    installed.iter().map(of).max().filter(|version| *version > VERSION)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(sql: String) -> InstalledTrigger {
        InstalledTrigger { name: "t".to_owned(), table: "payments".to_owned(), sql }
    }

    #[test]
    fn a_trigger_tells_its_version() {
        assert_eq!(of(&trigger(format!("BEGIN\n{}END", comment()))), VERSION);
        assert_eq!(of(&trigger(format!("/* {MARK}17*/"))), 17);
        assert_eq!(of(&trigger("BEGIN SELECT 1; END".to_owned())), UNMARKED);
        assert_eq!(of(&trigger(format!("/* {MARK}many */"))), UNMARKED);
    }

    #[test]
    fn the_newest_decides() {
        let newest = |versions: &[u32]| {
            let installed: Vec<_> = versions.iter().map(|version| trigger(format!("/* {MARK}{version} */"))).collect();
            newer_than_this_build(&installed)
        };
        assert_eq!(newest(&[]), None);
        assert_eq!(newest(&[1, VERSION]), None);
        assert_eq!(newest(&[VERSION, VERSION + 2, VERSION + 1]), Some(VERSION + 2));
    }
}
