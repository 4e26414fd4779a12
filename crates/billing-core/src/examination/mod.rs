//! What stands in the platform's tables that no rule takes, or that cannot be served: counted and named, never changed.
//!
//! Invariants: everything is computed in SQL, so a row that cannot be read is no obstacle; a table is looked at some
//! thousand ids at a time, the newest first, so that no statement is long; what there was no time for is said to be so.
//! Called by `cache-admin doctor`, and for the tax rates by a service that starts.

mod check;
mod finding;
mod question;
mod sql;

use std::time::Duration;

use sea_orm::{ConnectionTrait, QueryResult, Statement};
use tokio::time::{Instant, timeout_at};

pub use check::Check;
pub use finding::{Coverage, Finding};

use self::finding::Tally;
use self::question::{QUESTIONS, Question};
use self::sql::Dialect;
use crate::database::{Database, DatabaseError};

/// Rows that one statement looks at: some tens of milliseconds.
const CHUNK: u32 = 10_000;

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything.
    All,
    /// The tax rates: few rows, whose faults reach every invoice that is taxed.
    TaxRates,
}

/// Looks at the platform's rows, for at most this time. What cannot be asked is told in its finding and keeps nothing
/// else from being asked.
pub async fn examine(database: &Database, depth: Depth, limit: Duration) -> Vec<Finding> {
    let deadline = Instant::now() + limit;
    let mut findings = Vec::new();
    for question in QUESTIONS.iter().filter(|question| question.is_asked(depth)) {
        let mut tally = Tally::new(question);
        let coverage = walk(database, question, deadline, &mut tally).await;
        findings.extend(tally.into_findings(&coverage));
    }
    findings
}

/// Asks one question of a whole table.
async fn walk(database: &Database, question: &Question, deadline: Instant, tally: &mut Tally) -> Coverage {
    let mut last = i64::MAX;
    while Instant::now() < deadline {
        match timeout_at(deadline, chunk(database, question, last, tally)).await {
            Ok(Ok(Some(before))) => last = before,
            Ok(Ok(None)) => return Coverage::Whole,
            Ok(Err(error)) => return error.into(),
            Err(_) => break,
        }
    }
    Coverage::above(last)
}

/// Asks one question of the newest rows up to this id; answers the id before them, if there are rows that are older.
async fn chunk(
    database: &Database,
    question: &Question,
    last: i64,
    tally: &mut Tally,
) -> Result<Option<i64>, DatabaseError> {
    let dialect = Dialect::of(database.backend());
    let before = query(database, &sql::id_before(question.table, CHUNK), [last]).await?;
    let before: Option<i64> = before.first().map(|row| row.try_get_by_index(0)).transpose()?;
    for row in query(database, &(question.sql)(dialect), [before.unwrap_or(i64::MIN), last]).await? {
        tally.add(question, dialect, &row)?;
    }
    Ok(before)
}

async fn query<const N: usize>(
    database: &Database,
    sql: &str,
    ids: [i64; N],
) -> Result<Vec<QueryResult>, DatabaseError> {
    let statement = Statement::from_sql_and_values(database.backend(), sql, ids.map(Into::into));
    Ok(database.connection().query_all_raw(statement).await?)
}
