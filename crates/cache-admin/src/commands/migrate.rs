//! `migrate`: makes the database ready. An SQLite file that is not there is made; a PostgreSQL database is not.

use anyhow::Result;
use billing_core::cached::declarations;
use billing_core::database::{Database, MissingFile};
use billing_core::migration;
use cli_support::{Code, CommonArgs, render};

use crate::reports::migrate::MigrateReport;

pub(crate) async fn run(common: &CommonArgs) -> Result<Code> {
    let settings = common.settings()?;
    let database = Database::open(&settings.database, MissingFile::Create).await?;
    let done = migration::migrate(&database, &declarations()).await?;
    let report = MigrateReport::new(database.describe(), done);
    database.close().await?;
    render::show(&report, common.format)?;
    Ok(Code::Fine)
}
