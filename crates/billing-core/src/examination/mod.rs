//! Counts and names rows of the platform's tables that no rule accepts or that cannot be served. It changes nothing.
//!
//! Invariants: everything is computed in SQL, so a row that cannot be read does not disturb it. A table is read some
//! thousand ids at a time, the newest first, so that no statement is long. A part that there was no time for is
//! reported.
//!
//! Used by `cache-admin doctor`, and for the tax rates by a starting service.

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
use billing_outbox::database::{Database, DatabaseError};

/// Rows that one statement reads: some tens of milliseconds.
const CHUNK: u32 = 10_000;

/// How much is examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything.
    All,
    /// The tax rates: few rows, whose errors affect every invoice that is taxed.
    TaxRates,
}

/// Examines the platform's rows for at most this time. A question that fails is reported in its finding, and the other
/// questions are still asked.
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

/// Asks one question about a whole table.
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

/// Asks one question about the newest rows up to this id. Returns the id before them if there are older rows.
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
