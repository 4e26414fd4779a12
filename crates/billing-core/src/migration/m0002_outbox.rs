//! Our additions: the outbox, copies of names and rates on invoices, and indexes for the loaders.
//!
//! Invariant: only these additions are written to; the platform's columns keep their values. [`super::copies`] fills
//! the copies in old rows; triggers fill them for writers that do not know the columns.
//!
//! Run by [`super::Migrator`]; [`super::migrate`] makes again what is missing later.

use billing_outbox::migration::{Object, make_missing, outbox_objects};
use sea_orm::{DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) const NAME: &str = "m0002_outbox";

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        NAME
    }
}

#[expect(elided_lifetimes_in_paths, reason = "async_trait makes other lifetimes of spelled ones than the trait has")]
#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        make_missing(manager.get_connection(), &additions(manager.get_database_backend())).await?;
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the outbox may hold pending invalidations and is never dropped".to_owned()))
    }
}

/// All additions, in an order in which they can be made.
pub(super) fn additions(backend: DbBackend) -> Vec<Object> {
    let mut additions = outbox_objects(backend);
    additions.extend(COPY_COLUMNS.map(|(table, column, kind)| Object::column(table, column, kind)));
    additions.extend(INDEXES.map(|(table, columns)| {
        // SQLAlchemy's name for an index on one column, so that an index it made is not made again.
        let name = format!("ix_{table}_{}", columns.replace(", ", "_"));
        Object::index(&name, format!("CREATE INDEX {name} ON {table} ({columns})"))
    }));
    additions
}

const COPY_COLUMNS: [(&str, &str, &str); 3] = [
    ("invoice_discounts", "name", "VARCHAR(128)"),
    ("invoice_taxes", "name", "VARCHAR(128)"),
    ("invoice_taxes", "rate", "NUMERIC(5, 2)"),
];

const INDEXES: [(&str, &str); 9] = [
    ("invoices", "user_id"),
    ("invoices", "status, due_date"),
    ("payments", "invoice_id"),
    ("invoice_discounts", "invoice_id"),
    ("invoice_taxes", "invoice_id"),
    ("credit_notes", "user_id"),
    ("credit_notes", "reference_invoice_id"),
    ("credit_note_applications", "invoice_id"),
    ("credit_note_applications", "credit_note_id"),
];
