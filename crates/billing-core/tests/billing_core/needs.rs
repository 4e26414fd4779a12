//! Tables of other columns or types than those of the contract: what would fail is refused before anything is changed.

use billing_core::migration::{ColumnFaultKind, OWNER, check_columns, migrate};
use billing_outbox::database::{Database, DatabaseError};
use billing_outbox::triggers::installed_triggers;
use sea_orm::DbBackend;

use crate::backends::{DECLARATIONS, execute, for_each_backend, for_each_migrated, texts};
use crate::triggers::ROWS;
use crate::world::for_each_world;

async fn faults(database: &Database) -> Vec<String> {
    check_columns(database.connection()).await.unwrap().iter().map(ToString::to_string).collect()
}

/// Every object, by name and text.
async fn objects(database: &Database) -> Vec<Vec<Option<String>>> {
    let sql = match database.backend() {
        DbBackend::Sqlite => "SELECT name, sql FROM sqlite_master ORDER BY name",
        _ => "SELECT relname::text, relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
    };
    texts(database, sql, 2).await
}

#[tokio::test]
async fn a_renamed_column_is_named_and_nothing_is_changed() {
    for_each_migrated(async |database| {
        execute(database, ROWS).await;
        // SQLite renames the column in the triggers too, so that they go on working.
        execute(database, "ALTER TABLE tax_rates RENAME COLUMN country TO country_code").await;
        let (triggers, before) =
            (installed_triggers(database.connection(), &OWNER).await.unwrap(), objects(database).await);
        let error = migrate(database, DECLARATIONS).await.unwrap_err();
        assert!(matches!(&error, DatabaseError::MissingColumns { missing, .. } if missing == &["tax_rates.country"]));
        assert!(error.to_string().contains("tax_rates.country; nothing was changed"), "{error}");
        assert_eq!(faults(database).await, ["tax_rates.country (text) is missing"]);
        assert_eq!(installed_triggers(database.connection(), &OWNER).await.unwrap(), triggers);
        assert_eq!(objects(database).await, before);
        if database.backend() == DbBackend::Sqlite {
            execute(database, "UPDATE tax_rates SET rate = 21").await;
            let rows = texts(database, "SELECT key_parts FROM cache_invalidations", 1).await;
            assert_eq!(rows, [[Some("[\"GB\",null]".to_owned())]]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_foreign_table_of_one_of_the_names_is_refused_before_any_other_is_made() {
    for_each_backend(async |database| {
        execute(database, "CREATE TABLE payments (id INTEGER PRIMARY KEY, invoice INTEGER, amount NUMERIC(10, 2))")
            .await;
        let before = objects(database).await;
        let error = migrate(database, DECLARATIONS).await.unwrap_err().to_string();
        for column in ["invoice_id", "payment_method", "transaction_id", "status", "created_at"] {
            assert!(error.contains(&format!("payments.{column}")), "{error}");
        }
        assert_eq!(objects(database).await, before);
    })
    .await;
}

#[tokio::test]
async fn the_tables_of_the_contract_have_what_is_needed() {
    for_each_migrated(async |database| assert_eq!(faults(database).await, [""; 0])).await;
}

/// A change of a type on PostgreSQL, and whether an invoice can be read after it.
const TYPES: [(&str, &str, bool); 9] = [
    (
        "CREATE TYPE word AS ENUM ('unpaid', 'paid', 'cancelled'); ALTER TABLE invoices ALTER status DROP DEFAULT,
      ALTER status TYPE word USING status::word",
        "invoices.status is word, which cannot be read as text",
        false,
    ),
    ("ALTER TABLE invoices ALTER id TYPE bigint", "invoices.id is bigint, which cannot be read as integer", false),
    (
        "ALTER TABLE invoices ALTER due_date TYPE timestamptz",
        "invoices.due_date is timestamp with time zone, which cannot be read as timestamp without time zone",
        false,
    ),
    (
        "ALTER TABLE invoices ALTER amount TYPE double precision",
        "invoices.amount is double precision, which cannot be read as numeric with two decimals",
        false,
    ),
    (
        "ALTER TABLE invoices ALTER amount TYPE numeric(12, 3)",
        "invoices.amount is numeric(12,3), of which only numeric with two decimals can be read",
        true,
    ),
    (
        "ALTER TABLE invoices ALTER amount TYPE numeric",
        "invoices.amount is numeric, of which only numeric with two decimals can be read",
        true,
    ),
    ("ALTER TABLE invoices ALTER amount TYPE numeric(14, 2)", "", true),
    ("ALTER TABLE invoices ALTER status TYPE text", "", true),
    ("ALTER TABLE invoices ALTER due_date TYPE timestamp(3)", "", true),
];

#[tokio::test]
async fn a_column_is_said_to_be_unreadable_exactly_if_it_is() {
    for (change, fault, is_read) in TYPES {
        for_each_world(async |world| {
            if world.database.backend() == DbBackend::Sqlite {
                return; // A value has a type of its own there.
            }
            execute(&world.database, change).await;
            let found = check_columns(world.database.connection()).await.unwrap();
            let said: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(said.join("; "), fault, "{change}");
            assert_eq!(found.iter().all(|fault| !fault.is_fatal()), is_read, "{change}");
            let read = world.process().await.invoice_details(1).await;
            assert_eq!(read.is_ok(), is_read, "{change}: {read:?}");
            assert_eq!(migrate(&world.database, DECLARATIONS).await.unwrap().columns, found);
        })
        .await;
    }
}

#[tokio::test]
async fn on_sqlite_what_a_column_hints_at_is_named_where_amounts_may_differ() {
    for_each_backend(async |database| {
        if database.backend() == DbBackend::Postgres {
            return;
        }
        migrate(database, DECLARATIONS).await.unwrap();
        let columns = "id INTEGER PRIMARY KEY, invoice_id INTEGER, payment_method TEXT, transaction_id TEXT UNIQUE,
            status TEXT, created_at TIMESTAMP";
        for (kind, fault) in [("DOUBLE", Some("DOUBLE")), ("DECIMAL(12, 3)", Some("DECIMAL(12, 3)")), ("NUMERIC", None)]
        {
            let table = format!("DROP TABLE payments; CREATE TABLE payments ({columns}, amount {kind})");
            execute(database, &table).await;
            let found = check_columns(database.connection()).await.unwrap();
            let kinds: Vec<_> = found.into_iter().map(|fault| fault.kind).collect();
            let expected = fault.map(|found| ColumnFaultKind::Wider { found: found.to_owned() });
            assert_eq!(kinds, Vec::from_iter(expected), "{kind}");
        }
    })
    .await;
}

/// SQLite looks a column up in the schema that its connection has read; the query makes it read the schema again.
async fn rename_in_outbox(database: &Database, from: &str, to: &str) {
    let rename = format!("ALTER TABLE cache_invalidations RENAME COLUMN {from} TO {to}");
    execute(database, &format!("SELECT id FROM cache_invalidations WHERE id < 0; {rename}")).await;
}

#[tokio::test]
async fn an_outbox_that_lacks_what_no_row_can_be_given_is_refused_by_name() {
    for_each_migrated(async |database| {
        for column in ["cache_type", "table_name", "created_at"] {
            rename_in_outbox(database, column, "other").await;
            let refused = migrate(database, DECLARATIONS).await.unwrap_err().to_string();
            assert!(refused.contains(&format!("cache_invalidations.{column}")), "{refused}");
            rename_in_outbox(database, "other", column).await;
        }
        migrate(database, DECLARATIONS).await.unwrap();
    })
    .await;
}
