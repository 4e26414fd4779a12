//! Fills missing copies: in lines from before our columns existed, and in lines that were written past the triggers.
//!
//! Invariant: a name is the current one of the row, which the platform shows. A rate is one that yields the tax of the
//! line to the cent, or it stays unknown. Computed in exact decimals, a batch at a time.
//!
//! Used by [`super::migrate`], and by `cache-admin doctor` for copies that could not be filled.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryResult, Statement};

use super::COPIED;
use crate::entities::invoice_tax;
use crate::money::{Money, Percent, PossibleRates};
use billing_outbox::declaration::Copied;

/// Number of lines whose rates are computed at once.
const BATCH: usize = 1_000;

/// A copied column that some lines lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingCopies {
    /// The column, as `table.column`.
    pub column: String,
    /// Number of these lines.
    pub lines: u64,
}

/// Counts the lines that lack a copy. After [`super::migrate`] these are the lines whose copy cannot be determined.
pub async fn missing_copies<C: ConnectionTrait>(connection: &C) -> Result<Vec<MissingCopies>, DbErr> {
    let mut missing = Vec::new();
    for Copied { table, columns, .. } in COPIED {
        for column in columns {
            let sql = format!("SELECT count(*) FROM {table} WHERE {column} IS NULL");
            let row = connection.query_one_raw(statement(connection, sql)).await?;
            let lines: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
            missing.push(MissingCopies { column: format!("{table}.{column}"), lines: lines.unsigned_abs() });
        }
    }
    missing.retain(|missing| missing.lines > 0);
    Ok(missing)
}

/// Fills the copies that can be determined. Returns their number.
pub(super) async fn fill<C: ConnectionTrait>(connection: &C) -> Result<u64, DbErr> {
    let mut filled = 0;
    for copied in &COPIED {
        filled += fill_names(connection, copied).await?;
    }
    Ok(filled + fill_rates(connection).await?)
}

async fn fill_names<C: ConnectionTrait>(connection: &C, copied: &Copied) -> Result<u64, DbErr> {
    let Copied { table, reference, source, .. } = copied;
    let sql = format!(
        "UPDATE {table} SET name = (SELECT s.name FROM {source} s WHERE s.id = {table}.{reference}) WHERE name IS NULL \
         AND EXISTS (SELECT 1 FROM {source} s WHERE s.id = {table}.{reference} AND s.name IS NOT NULL)"
    );
    Ok(connection.execute_raw(statement(connection, sql)).await?.rows_affected())
}

async fn fill_rates<C: ConnectionTrait>(connection: &C) -> Result<u64, DbErr> {
    let (mut filled, mut last) = (0, i64::MIN);
    loop {
        let lines = lines_without_rate(connection, last).await?;
        let Some(line) = lines.last() else { return Ok(filled) };
        last = line.id;
        for (rate, ids) in by_rate(&lines) {
            filled += ids.len() as u64;
            set_rate(connection, rate, ids).await?;
        }
    }
}

/// The values that determine a rate; `None` if they cannot be read.
struct Line {
    id: i64,
    taxable_amount: Option<Money>,
    tax_amount: Option<Money>,
    /// The current rate in the row of `tax_rates`.
    of_today: Option<Percent>,
}

impl Line {
    fn of_row(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.try_get_by_index(0)?,
            taxable_amount: row.try_get_by_index(1).ok(),
            tax_amount: row.try_get_by_index(2).ok(),
            of_today: row.try_get_by_index(3).ok(),
        })
    }

    fn rate(&self) -> Option<Percent> {
        PossibleRates::that_give(self.tax_amount?, self.taxable_amount?).choose(self.of_today)
    }
}

async fn lines_without_rate<C: ConnectionTrait>(connection: &C, after: i64) -> Result<Vec<Line>, DbErr> {
    let sql = format!(
        "SELECT CAST(l.id AS BIGINT), l.taxable_amount, l.tax_amount, s.rate \
         FROM invoice_taxes l LEFT JOIN tax_rates s ON s.id = l.tax_rate_id \
         WHERE l.rate IS NULL AND l.id > {after} ORDER BY l.id LIMIT {BATCH}"
    );
    connection.query_all_raw(statement(connection, sql)).await?.iter().map(Line::of_row).collect()
}

fn by_rate(lines: &[Line]) -> BTreeMap<Percent, Vec<i64>> {
    let mut by_rate = BTreeMap::<Percent, Vec<i64>>::new();
    for line in lines {
        if let Some(rate) = line.rate() {
            by_rate.entry(rate).or_default().push(line.id);
        }
    }
    by_rate
}

async fn set_rate<C: ConnectionTrait>(connection: &C, rate: Percent, ids: Vec<i64>) -> Result<(), DbErr> {
    let lines = invoice_tax::Entity::update_many().col_expr(invoice_tax::Column::Rate, Expr::value(rate));
    lines.filter(Expr::col(invoice_tax::Column::Id).is_in(ids)).exec(connection).await?;
    Ok(())
}

fn statement<C: ConnectionTrait>(connection: &C, sql: String) -> Statement {
    Statement::from_string(connection.get_database_backend(), sql)
}
