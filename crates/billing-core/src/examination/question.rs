//! The questions: SQL over a range of ids, which returns values, the number of rows with each, and the newest of these
//! rows.
//!
//! Invariant: each reads a few thousand rows by id, and of other tables only what an index finds for them.
//!
//! Used by the parent and by `finding.rs`.

use super::Depth;
use super::check::Check;
use super::sql::Dialect;
use crate::country::{Country, Region};
use crate::entities::{CreditNoteStatus, InvoiceStatus, PaymentStatus};

/// A question about the rows of a table.
#[derive(Debug)]
pub(super) struct Question {
    /// The table whose ids are scanned.
    pub(super) table: &'static str,
    /// The checks that the answer is for.
    pub(super) checks: &'static [Check],
    /// Takes two parameters: the id before the first, and the last.
    pub(super) sql: fn(Dialect) -> String,
    /// The check that a value counts for.
    pub(super) check_of: fn(&str) -> Option<Check>,
}

/// In the order in which findings are shown; small tables come first, so that there is time for them.
pub(super) const QUESTIONS: &[Question] = &[
    Question {
        table: TAX_RATES,
        checks: &[Check::TaxRates],
        sql: |dialect| values(dialect, TAX_RATES, "rate", "is_default AND (rate < 0 OR rate > 100)"),
        check_of: |_| Some(Check::TaxRates),
    },
    Question {
        table: TAX_RATES,
        checks: &[Check::TaxCountries],
        sql: |dialect| values(dialect, TAX_RATES, "country", "is_default"),
        check_of: |country| country.parse::<Country>().is_err().then_some(Check::TaxCountries),
    },
    Question {
        table: TAX_RATES,
        checks: &[Check::TaxRegions],
        sql: |dialect| values(dialect, TAX_RATES, "region", "is_default"),
        check_of: |region| Region::parse(region).is_err().then_some(Check::TaxRegions),
    },
    Question {
        table: "invoices",
        checks: &[Check::InvoiceWords],
        sql: |dialect| foreign_words(dialect, "invoices", InvoiceStatus::ALL.iter().map(|word| word.as_str())),
        check_of: |_| Some(Check::InvoiceWords),
    },
    Question {
        table: "payments",
        checks: &[Check::PaymentWords],
        sql: |dialect| foreign_words(dialect, "payments", PaymentStatus::ALL.iter().map(|word| word.as_str())),
        check_of: |_| Some(Check::PaymentWords),
    },
    Question {
        table: "credit_notes",
        checks: &[Check::CreditWords],
        sql: |dialect| foreign_words(dialect, "credit_notes", CreditNoteStatus::ALL.iter().map(|word| word.as_str())),
        check_of: |_| Some(Check::CreditWords),
    },
    Question {
        table: "invoices",
        checks: &[Check::PaidCovered, Check::PaidDue],
        sql: paid_but_due,
        check_of: |value| Some(if value == COVERED { Check::PaidCovered } else { Check::PaidDue }),
    },
    Question {
        table: "invoices",
        checks: &[Check::CreditTotals],
        sql: credit_beyond_total,
        check_of: |_| Some(Check::CreditTotals),
    },
    Question {
        table: "invoices",
        checks: &[Check::Countries],
        // PostgreSQL pads it with blanks.
        sql: |dialect| values(dialect, "invoices", "rtrim(billing_country)", "TRUE"),
        check_of: |country| country.parse::<Country>().is_err().then_some(Check::Countries),
    },
];

const TAX_RATES: &str = "tax_rates";

/// A value of [`paid_but_due`].
const COVERED: &str = "covered";

impl Question {
    pub(super) fn is_asked(&self, depth: Depth) -> bool {
        depth == Depth::All || self.table == TAX_RATES
    }
}

/// The values of a column, for rows that meet the condition. NULL is no value.
fn values(dialect: Dialect, table: &str, column: &str, condition: &str) -> String {
    let value = dialect.value(column);
    format!(
        "SELECT {value}, count(*), CAST(max(id) AS BIGINT) FROM {table}
         WHERE id > $1 AND id <= $2 AND {column} IS NOT NULL AND {condition} GROUP BY 1"
    )
}

fn foreign_words<'w>(dialect: Dialect, table: &str, words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<String> = words.map(|word| format!("'{word}'")).collect();
    values(dialect, table, "status", &format!("CAST(status AS TEXT) NOT IN ({})", words.join(", ")))
}

/// The total of an invoice `i`, with discounts and taxes.
fn total(dialect: Dialect) -> String {
    let subtotal = dialect.amount("i.amount");
    let discounts = dialect.sum("d.amount", "invoice_discounts d WHERE d.invoice_id = i.id");
    let taxes = dialect.sum("t.tax_amount", "invoice_taxes t WHERE t.invoice_id = i.id");
    format!("{subtotal} - {discounts} + {taxes}")
}

fn paid_but_due(dialect: Dialect) -> String {
    let (total, value) = (total(dialect), dialect.value("CASE WHEN pending >= due THEN 'covered' ELSE 'due' END"));
    let credit = dialect.sum("c.amount", "credit_note_applications c WHERE c.invoice_id = i.id");
    let paid = dialect.sum("p.amount", "payments p WHERE p.invoice_id = i.id AND p.status = 'completed'");
    let is_pending = "(p.status = 'pending' OR p.status IS NULL) AND p.amount > 0";
    let pending = dialect.sum("p.amount", &format!("payments p WHERE p.invoice_id = i.id AND {is_pending}"));
    format!(
        "WITH sums AS (
             SELECT i.id AS id, {total} - {credit} - {paid} AS due, {pending} AS pending
             FROM invoices i WHERE i.id > $1 AND i.id <= $2 AND i.status = 'paid')
         SELECT {value}, count(*), CAST(max(id) AS BIGINT) FROM sums WHERE due > 0 GROUP BY 1"
    )
}

/// Invoices that no note refers to are not read.
fn credit_beyond_total(dialect: Dialect) -> String {
    let (total, value) = (total(dialect), dialect.value("'beyond'"));
    let counts = "(n.status <> 'cancelled' OR n.status IS NULL)";
    let credited = dialect.sum("n.amount", &format!("credit_notes n WHERE n.reference_invoice_id = i.id AND {counts}"));
    format!(
        "WITH sums AS (
             SELECT i.id AS id, {total} AS total, {credited} AS credited
             FROM invoices i WHERE i.id > $1 AND i.id <= $2 AND i.id IN (
                 SELECT reference_invoice_id FROM credit_notes
                 WHERE reference_invoice_id > $1 AND reference_invoice_id <= $2))
         SELECT {value}, count(*), CAST(max(id) AS BIGINT) FROM sums WHERE credited > total GROUP BY 1"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_has_a_question_and_findings_come_in_its_order() {
        let asked: Vec<Check> = QUESTIONS.iter().flat_map(|question| question.checks).copied().collect();
        assert_eq!(asked, Check::ALL);
    }
}
