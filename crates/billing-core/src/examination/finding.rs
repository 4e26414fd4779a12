//! The result of a check: the answers to a question, added up.
//!
//! Used by the parent; shown by `cache-admin doctor`, and logged by a starting service.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::{DbErr, QueryResult};

use super::check::Check;
use super::question::Question;
use super::sql::Dialect;
use billing_outbox::database::DatabaseError;

/// Number of distinct values that are kept for a check; further ones only count as rows.
const MAX_VALUES: usize = 1_000;
/// Number of values that a sentence names.
const NAMED: usize = 5;

/// What one check found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// Number of rows.
    pub rows: u64,
    /// Their values, the most frequent first; empty if sums were compared.
    pub values: Vec<(String, u64)>,
    /// The id of the newest row.
    pub example: i64,
    /// How much of the table was examined.
    pub coverage: Coverage,
}

/// How much of a table was examined.
#[derive(Clone, Debug)]
pub enum Coverage {
    /// All of it.
    Whole,
    /// The rows above this id; then the time was over.
    Above(i64),
    /// Nothing: there was no time.
    Nothing,
    /// The database did not answer.
    Failed(Arc<DatabaseError>),
}

/// The counts so far, for each check of a question.
#[derive(Debug)]
pub(super) struct Tally(Vec<Counted>);

#[derive(Debug)]
struct Counted {
    check: Check,
    rows: u64,
    values: BTreeMap<String, u64>,
    example: i64,
}

impl Coverage {
    pub(super) fn above(last: i64) -> Self {
        if last == i64::MAX { Self::Nothing } else { Self::Above(last) }
    }
}

impl From<DatabaseError> for Coverage {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

impl Tally {
    pub(super) fn new(question: &Question) -> Self {
        let counted = |check: &Check| Counted { check: *check, rows: 0, values: BTreeMap::new(), example: i64::MIN };
        Self(question.checks.iter().map(counted).collect())
    }

    /// Adds a row of an answer: a value, the number of rows that hold it, and the newest of them.
    pub(super) fn add(&mut self, question: &Question, dialect: Dialect, row: &QueryResult) -> Result<(), DbErr> {
        let value = dialect.read(row.try_get_by_index(0)?);
        let (rows, newest): (i64, i64) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let check = (question.check_of)(&value);
        if let Some(counted) = self.0.iter_mut().find(|counted| Some(counted.check) == check) {
            counted.add(value, rows.unsigned_abs(), newest);
        }
        Ok(())
    }

    pub(super) fn into_findings(self, coverage: &Coverage) -> impl Iterator<Item = Finding> {
        self.0.into_iter().map(|counted| counted.into_finding(coverage.clone()))
    }
}

impl Counted {
    fn add(&mut self, value: String, rows: u64, newest: i64) {
        self.rows += rows;
        self.example = self.example.max(newest);
        if self.values.len() < MAX_VALUES || self.values.contains_key(&value) {
            *self.values.entry(value).or_default() += rows;
        }
    }

    fn into_finding(self, coverage: Coverage) -> Finding {
        let mut values: Vec<(String, u64)> = self.values.into_iter().collect();
        values.sort_by_key(|(_, rows)| Reverse(*rows));
        Finding { check: self.check, rows: self.rows, values, example: self.example, coverage }
    }
}

impl Finding {
    /// How many rows, of what kind, and with which values.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.rows == 0 {
            return self.check.sound().to_owned();
        }
        let which = if self.check.is_of_sums() { format!(", such as number {}", self.example) } else { self.named() };
        format!("{} {}{which}", self.rows, self.check.rows())
    }

    fn named(&self) -> String {
        let named: Vec<String> =
            self.values.iter().take(NAMED).map(|(value, rows)| format!("{value:?} ({rows})")).collect();
        let more = match self.values.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(": {}{more}", named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(check: Check, values: &[(&str, u64)]) -> Finding {
        let values: Vec<(String, u64)> = values.iter().map(|(value, rows)| ((*value).to_owned(), *rows)).collect();
        let rows = values.iter().map(|(_, rows)| rows).sum();
        Finding { check, rows, values, example: 42, coverage: Coverage::Whole }
    }

    #[test]
    fn values_are_named_as_far_as_a_sentence_goes_and_escaped() {
        let words = [("Paid", 3), ("a\u{1b}[2J", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 1), ("g", 1)];
        let sentence = finding(Check::CreditWords, &words).sentence();
        let expected = r#"9 credit notes have a status by which they cannot be applied: "Paid" (3), "a\u{1b}[2J" (1), "c" (1), "d" (1), "e" (1) and 2 more"#;
        assert_eq!(sentence, expected);
    }

    #[test]
    fn of_sums_one_row_is_named_and_of_nothing_none() {
        let due = finding(Check::PaidDue, &[("due", 2)]).sentence();
        assert_eq!(due, "2 paid invoices have an amount due that nothing covers, such as number 42");
        assert_eq!(finding(Check::PaidDue, &[]).sentence(), Check::PaidDue.sound());
    }
}
