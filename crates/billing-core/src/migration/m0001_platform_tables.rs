//! The nine tables of the platform, if they are missing.
//!
//! Invariant: an existing table is left as it is. The statements are what SQLAlchemy would make of the contract
//! (section 4), with server defaults, so that other programs can leave columns out.
//!
//! Run by [`super::Migrator`]; [`super::needs`] checks the columns.

use billing_outbox::migration::{Object, make_missing};
use sea_orm::{DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_platform_tables"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "async_trait makes other lifetimes of spelled ones than the trait has")]
#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        make_missing(manager.get_connection(), &tables(manager.get_database_backend())).await?;
        Ok(())
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the platform's tables are never dropped".to_owned()))
    }
}

/// The statements that create all of them.
pub(super) fn tables(backend: DbBackend) -> Vec<Object> {
    let dialect = Dialect::of(backend);
    TABLES.iter().map(|(table, columns)| Object::table(table, dialect.create_table(table, columns))).collect()
}

/// The words in which the databases differ.
struct Dialect {
    id: &'static str,
    time: &'static str,
    now: &'static str,
}

impl Dialect {
    fn of(backend: DbBackend) -> Self {
        match backend {
            DbBackend::Sqlite => {
                Self { id: "INTEGER NOT NULL PRIMARY KEY", time: "DATETIME", now: "CURRENT_TIMESTAMP" }
            }
            _ => Self {
                id: "SERIAL PRIMARY KEY",
                time: "TIMESTAMP WITHOUT TIME ZONE",
                now: "(now() AT TIME ZONE 'utc')",
            },
        }
    }

    fn create_table(&self, table: &str, columns: &str) -> String {
        let columns = columns.replace("{id}", self.id).replace("{time}", self.time).replace("{now}", self.now);
        format!("CREATE TABLE {table} ({columns})")
    }
}

/// Ordered so that each table refers only to earlier ones.
pub(super) const TABLES: [(&str, &str); 9] = [
    (
        "users",
        "id {id},
        username VARCHAR(64) NOT NULL UNIQUE,
        email VARCHAR(128) NOT NULL UNIQUE,
        hashed_password VARCHAR(128) NOT NULL,
        role VARCHAR(32) NOT NULL DEFAULT 'customer',
        is_active BOOLEAN NOT NULL DEFAULT TRUE,
        created_at {time} NOT NULL DEFAULT {now},
        updated_at {time} NOT NULL DEFAULT {now}",
    ),
    (
        "invoices",
        "id {id},
        user_id INTEGER NOT NULL REFERENCES users (id),
        amount NUMERIC(10, 2) NOT NULL,
        status VARCHAR(32) NOT NULL DEFAULT 'unpaid',
        due_date {time} NOT NULL,
        created_at {time} NOT NULL DEFAULT {now},
        paid_at {time},
        billing_country CHAR(2) NOT NULL DEFAULT 'GB'",
    ),
    (
        "payments",
        "id {id},
        invoice_id INTEGER NOT NULL REFERENCES invoices (id),
        amount NUMERIC(10, 2) NOT NULL,
        payment_method VARCHAR(32) NOT NULL,
        transaction_id VARCHAR(128) NOT NULL UNIQUE,
        status VARCHAR(32) NOT NULL DEFAULT 'pending',
        created_at {time} NOT NULL DEFAULT {now}",
    ),
    (
        "discounts",
        "id {id},
        name VARCHAR(128) NOT NULL,
        description TEXT,
        discount_type VARCHAR(32) NOT NULL,
        value NUMERIC(10, 2) NOT NULL,
        is_percentage BOOLEAN NOT NULL DEFAULT FALSE,
        is_active BOOLEAN NOT NULL DEFAULT TRUE,
        valid_from {time} NOT NULL DEFAULT {now},
        valid_to {time},
        applicable_plans JSON,
        created_at {time} NOT NULL DEFAULT {now},
        updated_at {time} NOT NULL DEFAULT {now}",
    ),
    (
        "invoice_discounts",
        "id {id},
        invoice_id INTEGER NOT NULL REFERENCES invoices (id),
        discount_id INTEGER NOT NULL REFERENCES discounts (id),
        amount NUMERIC(10, 2) NOT NULL,
        created_at {time} NOT NULL DEFAULT {now}",
    ),
    (
        "credit_notes",
        "id {id},
        user_id INTEGER NOT NULL REFERENCES users (id),
        amount NUMERIC(10, 2) NOT NULL,
        remaining_amount NUMERIC(10, 2) NOT NULL,
        reason VARCHAR(255) NOT NULL,
        reference_invoice_id INTEGER REFERENCES invoices (id),
        status VARCHAR(20) NOT NULL DEFAULT 'issued',
        created_at {time} NOT NULL DEFAULT {now},
        applied_at {time}",
    ),
    (
        "credit_note_applications",
        "id {id},
        credit_note_id INTEGER NOT NULL REFERENCES credit_notes (id),
        invoice_id INTEGER NOT NULL REFERENCES invoices (id),
        amount NUMERIC(10, 2) NOT NULL,
        applied_at {time} NOT NULL DEFAULT {now}",
    ),
    (
        "tax_rates",
        "id {id},
        name VARCHAR(128) NOT NULL,
        description TEXT,
        rate NUMERIC(5, 2) NOT NULL,
        country VARCHAR(64) NOT NULL,
        region VARCHAR(128),
        is_default BOOLEAN NOT NULL DEFAULT FALSE,
        created_at {time} NOT NULL DEFAULT {now},
        updated_at {time} NOT NULL DEFAULT {now}",
    ),
    (
        "invoice_taxes",
        "id {id},
        invoice_id INTEGER NOT NULL REFERENCES invoices (id),
        tax_rate_id INTEGER NOT NULL REFERENCES tax_rates (id),
        taxable_amount NUMERIC(10, 2) NOT NULL,
        tax_amount NUMERIC(10, 2) NOT NULL,
        created_at {time} NOT NULL DEFAULT {now}",
    ),
];
