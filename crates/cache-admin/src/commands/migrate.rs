//! `migrate`: prepares the database. A missing SQLite file is created; a missing PostgreSQL database is not.

use anyhow::Result;
use billing_core::cached::declarations;
use billing_core::migration;
use billing_outbox::database::{self, Database, MissingFile};
use cli_support::{Code, CommonArgs, render};

use crate::reports::migrate::MigrateReport;

pub(crate) const EXAMPLES: &str = "\
Examples:
  cache-admin migrate
  cache-admin migrate --database-url sqlite://billing.sqlite
  cache-admin migrate --format json | jq .applied

You can run it again at any time: it creates what is missing, and leaves other columns as they are.
It refuses (exit 2) tables that lack columns, and triggers of a newer version.";

pub(crate) async fn run(common: &CommonArgs) -> Result<Code> {
    let settings = common.settings()?;
    let turned_to_wal = database::turns_to_wal(&settings.database)?;
    let database = Database::open(&settings.database, MissingFile::Create).await?;
    let done = migration::migrate(&database, &declarations()).await?;
    let report = MigrateReport::new(database.describe(), turned_to_wal, done);
    database.close().await?;
    render::show(&report, common.format)?;
    Ok(Code::Fine)
}
