//! Writes the demonstration data into an empty database.
//!
//! Invariants: everything is written in one write transaction, so that all of the data exists or none, and so that
//! values cached as absent are invalidated; the ids are those of the data, and the sequences of PostgreSQL continue
//! after them.

use anyhow::{Context, Result};
use billing_core::entities::{
    credit_note, credit_note_application, discount, invoice, invoice_discount, invoice_tax, payment, tax_rate, user,
};
use billing_core::service::BillingService;
use billing_outbox::database::Database;
use billing_outbox::outbox::Written;
use cli_support::{Progress, usage};
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, IntoActiveModel, PaginatorTrait,
};

use super::dataset::Dataset;
use crate::reports::seed::TableRows;

/// Rows per statement. With twelve columns this stays below the limits of both databases for bound values.
const CHUNK: usize = 1_000;

/// Writes all data; refuses a database that is not empty.
pub(crate) async fn insert(service: &BillingService, data: Dataset) -> Result<Written<Vec<TableRows>>> {
    let transaction = service.begin_write().await?;
    require_empty(service.cache().source(), &transaction).await?;
    let mut insert =
        Insert { transaction: &transaction, progress: Progress::of("write rows", data.len()), done: vec![] };
    insert.all::<user::Entity>(data.users).await?;
    insert.all::<tax_rate::Entity>(data.tax_rates).await?;
    insert.all::<discount::Entity>(data.discounts).await?;
    insert.all::<invoice::Entity>(data.invoices).await?;
    insert.all::<invoice_discount::Entity>(data.invoice_discounts).await?;
    insert.all::<invoice_tax::Entity>(data.invoice_taxes).await?;
    insert.all::<credit_note::Entity>(data.credit_notes).await?;
    insert.all::<credit_note_application::Entity>(data.credit_note_applications).await?;
    insert.all::<payment::Entity>(data.payments).await?;
    let done = insert.done;
    transaction.commit(done).await.context("write the rows")
}

/// The tables that all others depend on. If these are empty, all tables are.
async fn require_empty(database: &Database, transaction: &DatabaseTransaction) -> Result<()> {
    let counts = [
        ("users", user::Entity::find().count(transaction).await?),
        ("invoices", invoice::Entity::find().count(transaction).await?),
        ("discounts", discount::Entity::find().count(transaction).await?),
        ("tax rates", tax_rate::Entity::find().count(transaction).await?),
    ];
    if counts.iter().all(|(_, count)| *count == 0) {
        return Ok(());
    }
    let counts = counts.map(|(what, count)| format!("{count} {what}")).join(", ");
    Err(usage(format!("seed fills an empty database only, and {} has {counts}", database.describe())))
}

struct Insert<'t> {
    transaction: &'t DatabaseTransaction,
    progress: Progress,
    done: Vec<TableRows>,
}

impl Insert<'_> {
    async fn all<E: EntityTrait>(&mut self, rows: Vec<impl IntoActiveModel<E::ActiveModel>>) -> Result<()>
    where
        E::ActiveModel: ActiveModelTrait<Entity = E> + Send,
    {
        let table = E::default().table_name().to_owned();
        let count = rows.len();
        let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
        while rows.peek().is_some() {
            let chunk: Vec<E::ActiveModel> = rows.by_ref().take(CHUNK).collect();
            let size = chunk.len() as u64;
            let inserted = E::insert_many(chunk).exec_without_returning(self.transaction).await;
            inserted.with_context(|| format!("insert into {table}"))?;
            self.progress.add(size);
        }
        continue_sequence(self.transaction, &table).await?;
        self.done.push(TableRows { table, rows: count });
        Ok(())
    }
}

/// Makes PostgreSQL continue with ids after those of the rows. SQLite does that by itself.
async fn continue_sequence(transaction: &DatabaseTransaction, table: &str) -> Result<()> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let sql = format!("SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}");
        transaction.execute_unprepared(&sql).await.with_context(|| format!("continue the ids of {table}"))?;
    }
    Ok(())
}

impl Dataset {
    fn len(&self) -> u64 {
        let lengths = [
            self.users.len(),
            self.tax_rates.len(),
            self.discounts.len(),
            self.invoices.len(),
            self.invoice_discounts.len(),
            self.invoice_taxes.len(),
            self.credit_notes.len(),
            self.credit_note_applications.len(),
            self.payments.len(),
        ];
        lengths.iter().sum::<usize>() as u64
    }
}
