//! A database the platform made and filled is taken over without touching what is the platform's.

use billing_core::database::Database;
use billing_core::entities::{invoice_discount, invoice_tax, user};
use billing_core::migration::migrate;
use sea_orm::{DbBackend, EntityTrait};

use crate::backends::{DECLARATIONS, execute, for_each_backend, texts};

/// The contract's tables as SQLAlchemy makes them: defaults are the Python side's, so the columns have none.
fn platform_ddl(backend: DbBackend) -> String {
    let (id, time) = match backend {
        DbBackend::Sqlite => ("INTEGER NOT NULL", "DATETIME"),
        _ => ("SERIAL NOT NULL", "TIMESTAMP WITHOUT TIME ZONE"),
    };
    PLATFORM_TABLES.replace("{id}", id).replace("{time}", time)
}

const PLATFORM_TABLES: &str = "
CREATE TABLE users (id {id}, username VARCHAR(64) NOT NULL, email VARCHAR(128) NOT NULL,
    hashed_password VARCHAR(128) NOT NULL, role VARCHAR(32) NOT NULL, is_active BOOLEAN NOT NULL,
    created_at {time} NOT NULL, updated_at {time} NOT NULL, phone VARCHAR(32), plan_id INTEGER,
    PRIMARY KEY (id), UNIQUE (username), UNIQUE (email));
CREATE TABLE invoices (id {id}, user_id INTEGER NOT NULL, amount NUMERIC(10, 2) NOT NULL, status VARCHAR(32) NOT NULL,
    due_date {time} NOT NULL, created_at {time} NOT NULL, paid_at {time}, billing_country CHAR(2) NOT NULL,
    PRIMARY KEY (id), FOREIGN KEY(user_id) REFERENCES users (id));
CREATE INDEX ix_invoices_user_id ON invoices (user_id);
CREATE TABLE payments (id {id}, invoice_id INTEGER NOT NULL, amount NUMERIC(10, 2) NOT NULL,
    payment_method VARCHAR(32) NOT NULL, transaction_id VARCHAR(128) NOT NULL, status VARCHAR(32) NOT NULL,
    created_at {time} NOT NULL, PRIMARY KEY (id), FOREIGN KEY(invoice_id) REFERENCES invoices (id),
    UNIQUE (transaction_id));
CREATE TABLE discounts (id {id}, name VARCHAR(128) NOT NULL, description TEXT, discount_type VARCHAR(32) NOT NULL,
    value NUMERIC(10, 2) NOT NULL, is_percentage BOOLEAN NOT NULL, is_active BOOLEAN NOT NULL,
    valid_from {time} NOT NULL, valid_to {time}, applicable_plans JSON, created_at {time} NOT NULL,
    updated_at {time} NOT NULL, PRIMARY KEY (id));
CREATE TABLE invoice_discounts (id {id}, invoice_id INTEGER NOT NULL, discount_id INTEGER NOT NULL,
    amount NUMERIC(10, 2) NOT NULL, created_at {time} NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY(invoice_id) REFERENCES invoices (id), FOREIGN KEY(discount_id) REFERENCES discounts (id));
CREATE TABLE credit_notes (id {id}, user_id INTEGER NOT NULL, amount NUMERIC(10, 2) NOT NULL,
    remaining_amount NUMERIC(10, 2) NOT NULL, reason VARCHAR(255) NOT NULL, reference_invoice_id INTEGER,
    status VARCHAR(20) NOT NULL, created_at {time} NOT NULL, applied_at {time}, PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES users (id));
CREATE TABLE credit_note_applications (id {id}, credit_note_id INTEGER NOT NULL, invoice_id INTEGER NOT NULL,
    amount NUMERIC(10, 2) NOT NULL, applied_at {time} NOT NULL, PRIMARY KEY (id),
    FOREIGN KEY(credit_note_id) REFERENCES credit_notes (id), FOREIGN KEY(invoice_id) REFERENCES invoices (id));
CREATE TABLE tax_rates (id {id}, name VARCHAR(128) NOT NULL, description TEXT, rate NUMERIC(5, 2) NOT NULL,
    country VARCHAR(64) NOT NULL, region VARCHAR(128), is_default BOOLEAN NOT NULL, created_at {time} NOT NULL,
    updated_at {time} NOT NULL, PRIMARY KEY (id));
CREATE TABLE invoice_taxes (id {id}, invoice_id INTEGER NOT NULL, tax_rate_id INTEGER NOT NULL,
    taxable_amount NUMERIC(10, 2) NOT NULL, tax_amount NUMERIC(10, 2) NOT NULL, created_at {time} NOT NULL,
    PRIMARY KEY (id), FOREIGN KEY(invoice_id) REFERENCES invoices (id),
    FOREIGN KEY(tax_rate_id) REFERENCES tax_rates (id));
";

/// Rows as SQLAlchemy writes them; times on SQLite always have six digits there.
const PLATFORM_ROWS: &str = "
INSERT INTO users (username, email, hashed_password, role, is_active, created_at, updated_at, phone, plan_id)
    VALUES ('ann', 'a@x', 'h', 'customer', TRUE, '2025-01-02 03:04:05.000000', '2025-01-02 03:04:05.678901', '+44', 3);
INSERT INTO invoices (user_id, amount, status, due_date, created_at, paid_at, billing_country)
    VALUES (1, 99.95, 'disputed', '2025-02-02 00:00:00.000000', '2025-01-02 03:04:05.123456', NULL, 'GB');
INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at)
    VALUES (1, 0.10, 'card', 't-1', 'completed', '2025-01-03 00:00:00.000000');
INSERT INTO discounts (name, description, discount_type, value, is_percentage, is_active, valid_from, valid_to,
    applicable_plans, created_at, updated_at) VALUES ('Ten off', NULL, 'loyalty', 10, FALSE, TRUE,
    '2025-01-01 00:00:00.000000', NULL, 'null', '2025-01-01 00:00:00.000000', '2025-01-01 00:00:00.000000');
INSERT INTO invoice_discounts (invoice_id, discount_id, amount, created_at)
    VALUES (1, 1, 10, '2025-01-02 03:04:05.000000');
INSERT INTO credit_notes (user_id, amount, remaining_amount, reason, reference_invoice_id, status, created_at, applied_at)
    VALUES (1, 30, 12.5, 'outage', 1, 'partial', '2025-01-02 03:04:05.000000', NULL);
INSERT INTO credit_note_applications (credit_note_id, invoice_id, amount, applied_at)
    VALUES (1, 1, 17.5, '2025-01-02 03:04:05.000000');
INSERT INTO tax_rates (name, description, rate, country, region, is_default, created_at, updated_at)
    VALUES ('VAT', NULL, 20, 'GB', '', TRUE, '2025-01-01 00:00:00.000000', '2025-01-01 00:00:00.000000');
INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at)
    VALUES (1, 1, 89.95, 17.99, '2025-01-02 03:04:05.000000');
";

const PLATFORM_COLUMNS: [(&str, &str); 9] = [
    ("users", "id username email hashed_password role is_active created_at updated_at phone plan_id"),
    ("invoices", "id user_id amount status due_date created_at paid_at billing_country"),
    ("payments", "id invoice_id amount payment_method transaction_id status created_at"),
    (
        "discounts",
        "id name description discount_type value is_percentage is_active valid_from valid_to applicable_plans \
         created_at updated_at",
    ),
    ("invoice_discounts", "id invoice_id discount_id amount created_at"),
    ("credit_notes", "id user_id amount remaining_amount reason reference_invoice_id status created_at applied_at"),
    ("credit_note_applications", "id credit_note_id invoice_id amount applied_at"),
    ("tax_rates", "id name description rate country region is_default created_at updated_at"),
    ("invoice_taxes", "id invoice_id tax_rate_id taxable_amount tax_amount created_at"),
];

/// Every platform column of every row, as text.
async fn dump(database: &Database) -> Vec<Vec<Option<String>>> {
    let mut rows = Vec::new();
    for (table, columns) in PLATFORM_COLUMNS {
        let columns: Vec<_> = columns.split(' ').map(|column| format!("CAST({column} AS TEXT)")).collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY id", columns.join(", "));
        rows.extend(texts(database, &sql, columns.len()).await);
    }
    rows
}

async fn platform_database(database: &Database) {
    execute(database, &platform_ddl(database.backend())).await;
    execute(database, PLATFORM_ROWS).await;
}

#[tokio::test]
async fn nothing_of_the_platform_changes() {
    for_each_backend(async |database| {
        platform_database(database).await;
        let before = dump(database).await;
        migrate(database, DECLARATIONS).await.unwrap();
        assert_eq!(dump(database).await, before);
        assert_eq!(before.len(), PLATFORM_COLUMNS.len());
        assert!(texts(database, "SELECT cache_type FROM cache_invalidations", 1).await.is_empty());

        let read = user::Entity::find_by_id(1).one(database.connection()).await.unwrap().unwrap();
        assert_eq!(read.username, "ann");
        assert_eq!(billing_core::time::to_isoformat(read.updated_at), "2025-01-02T03:04:05.678901");
    })
    .await;
}

#[tokio::test]
async fn old_rows_and_rows_of_python_processes_get_copies_of_name_and_rate() {
    for_each_backend(async |database| {
        platform_database(database).await;
        migrate(database, DECLARATIONS).await.unwrap();
        execute(
            database,
            "INSERT INTO invoice_discounts (invoice_id, discount_id, amount, created_at)
                VALUES (1, 1, 5, '2026-01-02 03:04:05.000000');
             INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at)
                VALUES (1, 1, 10, 2, '2026-01-02 03:04:05.000000');
             INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at, name)
                VALUES (1, 1, 10, 2, '2026-01-02 03:04:05.000000', 'VAT as agreed');",
        )
        .await;
        execute(database, "UPDATE discounts SET name = 'Twelve off'; UPDATE tax_rates SET name = 'MwSt', rate = 21")
            .await;

        let discounts = invoice_discount::Entity::find().all(database.connection()).await.unwrap();
        assert_eq!(discounts.len(), 2);
        assert!(discounts.iter().all(|row| row.name.as_deref() == Some("Ten off")), "{discounts:?}");
        let taxes = invoice_tax::Entity::find().all(database.connection()).await.unwrap();
        let rate = Some("20".parse().unwrap());
        assert!(taxes.iter().all(|row| row.rate == rate), "{taxes:?}");
        let mut names: Vec<_> = taxes.iter().filter_map(|row| row.name.as_deref()).collect();
        names.sort_unstable();
        assert_eq!(names, ["VAT", "VAT", "VAT as agreed"]);
    })
    .await;
}

#[tokio::test]
async fn writes_of_python_processes_reach_the_outbox() {
    for_each_backend(async |database| {
        platform_database(database).await;
        migrate(database, DECLARATIONS).await.unwrap();
        execute(
            database,
            "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at)
                VALUES (1, 5, 'card', 't-2', 'completed', '2026-01-02 03:04:05.000000')",
        )
        .await;
        let rows = texts(database, "SELECT cache_type, key_parts, table_name FROM cache_invalidations", 3).await;
        assert_eq!(rows, [["invoices", "[1]", "payments"].map(|text| Some(text.to_owned()))]);
    })
    .await;
}
