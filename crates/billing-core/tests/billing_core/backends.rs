//! One test, every backend: a database of its own for each.

use billing_core::migration::{OWNER, migrate};
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use billing_outbox::declaration::{Declarations, TableDependency, TypeDependencies};
use sea_orm::{ConnectionTrait, Statement};
use test_support::TestDatabase;

/// What the cached types depend on, as in the design.
pub(crate) const DECLARATIONS: &Declarations = &OWNER.declares(&[
    TypeDependencies {
        cache_type: "tax_rates",
        tables: &[TableDependency { table: "tax_rates", key_columns: &["country", "region"] }],
    },
    TypeDependencies {
        cache_type: "active_discounts",
        tables: &[
            TableDependency { table: "discounts", key_columns: &[] },
            TableDependency { table: "invoice_discounts", key_columns: &[] },
        ],
    },
    TypeDependencies {
        cache_type: "invoices",
        tables: &[
            TableDependency { table: "invoices", key_columns: &["id"] },
            TableDependency { table: "payments", key_columns: &["invoice_id"] },
            TableDependency { table: "invoice_discounts", key_columns: &["invoice_id"] },
            TableDependency { table: "invoice_taxes", key_columns: &["invoice_id"] },
            TableDependency { table: "credit_note_applications", key_columns: &["invoice_id"] },
        ],
    },
    TypeDependencies {
        cache_type: "user_credit_notes",
        tables: &[TableDependency { table: "credit_notes", key_columns: &["user_id"] }],
    },
]);

/// Run the test in an empty database of each backend.
pub(crate) async fn for_each_backend(test: impl AsyncFn(&Database)) {
    for owned in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
        println!("on {}", owned.backend_name());
        let database = connect(&owned).await;
        test(&database).await;
        database.close().await.unwrap();
        owned.drop_database().await.unwrap();
    }
}

/// Run the test in a migrated database of each backend, without rows.
pub(crate) async fn for_each_migrated(test: impl AsyncFn(&Database)) {
    for_each_backend(async |database| {
        migrate(database, DECLARATIONS).await.unwrap();
        test(database).await;
    })
    .await;
}

pub(crate) async fn connect(owned: &TestDatabase) -> Database {
    Database::connect(&Settings::database_at(owned.url())).await.unwrap()
}

/// Run statements that must succeed.
pub(crate) async fn execute(database: &Database, sql: &str) {
    if let Err(error) = database.connection().execute_unprepared(sql).await {
        panic!("{error}: {sql}");
    }
}

/// The rows of a query whose columns are all text.
pub(crate) async fn texts(database: &Database, sql: &str, columns: usize) -> Vec<Vec<Option<String>>> {
    let statement = Statement::from_string(database.backend(), sql);
    let rows = database.connection().query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| (0..columns).map(|column| row.try_get_by_index(column).unwrap()).collect()).collect()
}
