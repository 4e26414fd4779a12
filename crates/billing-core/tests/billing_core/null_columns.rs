//! NULL in any column that the platform's models let be NULL: `null` in the JSON, and one meaning in a rule.

use billing_core::service::{BillingError, BillingService, TaxingRates};
use sea_orm::DbBackend;
use test_support::TestDatabase;
use test_support::platform::{self, Origin};

use crate::backends::{connect, execute};
use crate::commands::{done, payment, refused};
use crate::world::World;

/// The columns of the contract that may be NULL. Keys name their rows, and are NULL in rows of their own.
const COLUMNS: [(&str, &[&str]); 9] = [
    ("users", &["username", "email", "hashed_password", "role", "is_active", "created_at", "updated_at"]),
    ("invoices", &["user_id", "amount", "status", "due_date", "created_at", "paid_at", "billing_country"]),
    ("payments", &["invoice_id", "amount", "payment_method", "transaction_id", "status", "created_at"]),
    (
        "discounts",
        &[
            "name",
            "description",
            "discount_type",
            "value",
            "is_percentage",
            "is_active",
            "valid_from",
            "valid_to",
            "applicable_plans",
            "created_at",
            "updated_at",
        ],
    ),
    ("invoice_discounts", &["invoice_id", "discount_id", "amount", "created_at", "name"]),
    (
        "credit_notes",
        &[
            "user_id",
            "amount",
            "remaining_amount",
            "reason",
            "reference_invoice_id",
            "status",
            "created_at",
            "applied_at",
        ],
    ),
    ("credit_note_applications", &["credit_note_id", "invoice_id", "amount", "applied_at"]),
    ("tax_rates", &["name", "description", "rate", "country", "region", "is_default", "created_at", "updated_at"]),
    ("invoice_taxes", &["invoice_id", "tax_rate_id", "taxable_amount", "tax_amount", "created_at", "name", "rate"]),
];

/// Amounts without which nothing can be summed up: their invoice says so, instead of a sum that is wrong.
const SUMMED: [(&str, &str); 5] = [
    ("invoices", "amount"),
    ("payments", "amount"),
    ("invoice_discounts", "amount"),
    ("credit_note_applications", "amount"),
    ("invoice_taxes", "tax_amount"),
];

/// The platform's own tables and rows, taken over.
async fn for_each_adopted(test: impl AsyncFn(&World, &BillingService)) {
    for owned in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
        println!("on {}", owned.backend_name());
        let database = connect(&owned).await;
        execute(&database, &platform::tables(database.backend(), Origin::Models)).await;
        execute(&database, platform::ROWS).await;
        for (_, insert) in platform::INSERTS {
            execute(&database, insert).await;
        }
        database.close().await.unwrap();
        let world = World::over(&owned).await;
        let process = world.process().await;
        test(&world, &process).await;
        world.database.close().await.unwrap();
        owned.drop_database().await.unwrap();
    }
}

/// Whether the schema takes NULL there: some columns are NOT NULL on the platform too.
async fn takes_null(world: &World, table: &str, column: &str) -> bool {
    use sea_orm::ConnectionTrait;
    let sql = format!("UPDATE {table} SET {column} = NULL");
    world.database.connection().execute_unprepared(&sql).await.is_ok()
}

async fn read_everything(world: &World, process: &BillingService) -> Vec<String> {
    world.redis.command::<()>(&["FLUSHALL"]).unwrap();
    let mut errors = Vec::new();
    for read in process.invoices_details(&(1..=10).collect::<Vec<_>>()).await.unwrap() {
        errors.extend(read.err().map(|error| error.to_string()));
    }
    for read in process.users_credit_notes(&[1, 2, 3, 4]).await.unwrap() {
        errors.extend(read.err().map(|error| error.to_string()));
    }
    process.active_discounts().await.unwrap();
    for (country, region) in [("GB", None), ("DE", None), ("US", Some("CA"))] {
        errors.extend(process.applicable_tax_rate(country, region).await.err().map(|error| error.to_string()));
    }
    for cached in billing_core::cached::CACHED_TYPES {
        cached.hot_key_texts(process.cache(), 1_000).await.unwrap();
    }
    errors
}

#[tokio::test]
async fn null_in_any_column_fails_no_read_but_where_it_had_to_be_summed_up() {
    for_each_adopted(async |world, process| {
        assert_eq!(read_everything(world, process).await, [""; 0]);
        let mut taken = 0;
        for (table, columns) in COLUMNS {
            execute(&world.database, &format!("CREATE TABLE saved AS SELECT * FROM {table}")).await;
            for column in columns {
                if !takes_null(world, table, column).await {
                    continue;
                }
                taken += 1;
                let errors = read_everything(world, process).await;
                assert_eq!(!errors.is_empty(), SUMMED.contains(&(table, column)), "{table}.{column}: {errors:?}");
                let named = format!(" of {table} cannot be read: column {column} is NULL");
                assert!(errors.iter().all(|error| error.contains(&named)), "{table}.{column}: {errors:?}");
                let before = format!("SELECT {column} FROM saved WHERE saved.id = {table}.id");
                execute(&world.database, &format!("UPDATE {table} SET {column} = ({before})")).await;
            }
            execute(&world.database, "DROP TABLE saved").await;
        }
        assert!(taken > 35, "only {taken} columns take NULL");
        assert_eq!(read_everything(world, process).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_rule_that_needs_what_is_null_refuses_and_names_it() {
    for_each_adopted(async |world, process| {
        let set = async |sql: &str| execute(&world.database, sql).await;
        set("UPDATE invoices SET status = NULL WHERE id = 1").await;
        // The platform has no NULL there; SQLite cannot be told to take one.
        if world.database.backend() == DbBackend::Postgres {
            set("ALTER TABLE invoices ALTER COLUMN billing_country DROP NOT NULL").await;
            set("UPDATE invoices SET billing_country = NULL WHERE id = 1").await;
            let taxed = refused(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await).to_string();
            assert!(taxed.contains("invoice 1 has no billing_country"), "{taxed}");
        }
        for column in ["is_percentage", "value", "valid_from"] {
            if !takes_null(world, "discounts", column).await {
                continue;
            }
            let applied = refused(process.apply_discount_to_invoice(1, 2).await).to_string();
            assert!(applied.contains(&format!("discount 2 has no {column}")), "{applied}");
        }
        // NULL is unpaid.
        let details = process.invoice_details(1).await.unwrap().value.unwrap();
        assert_eq!(details.status, None);
        done(process.process_payment(payment(1, "1", "t-null")).await);
        // An invoice of nobody takes no note, and one of nobody is not its own.
        set("UPDATE invoices SET user_id = NULL WHERE id = 1").await;
        takes_null(world, "credit_notes", "user_id").await;
        let note = process.apply_credit_note_to_invoice(1, 1, None).await;
        assert!(matches!(note, Err(BillingError::Refused(_))), "{note:?}");
    })
    .await;
}
