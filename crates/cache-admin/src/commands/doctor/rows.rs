//! The platform's rows: rows that break a rule, and rows that cannot be served.

use std::time::Duration;

use billing_core::examination::{self, Check, Coverage, Depth, examine};
use billing_outbox::database::Database;
use cli_support::exit;
use cli_support::render::count;

use crate::reports::doctor::{Finding, Subject};

const SUBJECT: Subject = Subject::Database;
/// The time limit of all tables together. The newest rows are examined first.
const LIMIT: Duration = Duration::from_secs(30);

/// The names of the checks, in their order.
pub(super) fn names() -> Vec<&'static str> {
    Check::ALL.iter().map(|check| check.name()).collect()
}

pub(super) async fn check(database: &Database) -> Vec<Finding> {
    examine(database, Depth::All, LIMIT).await.iter().map(judge).collect()
}

fn judge(found: &examination::Finding) -> Finding {
    let (check, sentence) = (found.check, found.sentence());
    let rest = rest(&found.coverage);
    match (found.rows, rest) {
        (0, None) => SUBJECT.ok(check.name(), sentence),
        (0, Some((why, remedy))) => SUBJECT.not_checked(check.name(), why, remedy),
        (_, rest) => {
            let found = rest.map_or(sentence.clone(), |(why, _)| format!("{sentence} ({why})"));
            let level = if check.is_problem() { Subject::problem } else { Subject::note };
            level(SUBJECT, check.name(), found, check.remedy())
        }
    }
}

/// Why some rows were not examined, and the remedy.
fn rest(coverage: &Coverage) -> Option<(String, &'static str)> {
    let later = "run cache-admin doctor again when the database is less busy";
    let seconds = LIMIT.as_secs();
    match coverage {
        Coverage::Whole => None,
        Coverage::Above(id) => {
            let id = count(id.unsigned_abs());
            Some((format!("in {seconds} s only rows with an id above {id} could be looked at"), later))
        }
        Coverage::Nothing => Some((format!("there was no time for it within {seconds} s"), later)),
        Coverage::Failed(error) => {
            Some((exit::sentence(&anyhow::Error::new(error.clone())), "let this database user read the tables"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::doctor::Level;

    #[test]
    fn what_there_was_no_time_for_is_not_called_well() {
        for (rows, coverage, level, words) in [
            (0, Coverage::Whole, Level::Ok, "no paid invoice"),
            (0, Coverage::Above(40_000), Level::NotChecked, "only rows with an id above 40,000"),
            (0, Coverage::Nothing, Level::NotChecked, "no time"),
            (3, Coverage::Above(40_000), Level::Note, "3 paid invoices have an amount due that nothing covers"),
        ] {
            let check = Check::PaidDue;
            let finding = judge(&examination::Finding { check, rows, values: Vec::new(), example: 1, coverage });
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.found.contains(words), "{finding:?}");
        }
    }
}
