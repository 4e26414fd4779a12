//! The platform's own database before this project is installed: the tables of its models, and rows of its older and
//! newer versions.
//!
//! Invariant: a column that is nullable in the platform's models is nullable here and has no default, because the
//! platform sets its defaults in Python. Used by every test of adoption.

use sea_orm::DbBackend;

/// How the tables were created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `create_all` of the models, on either database.
    Models,
    /// The migrations of the platform, which are written for PostgreSQL only: some defaults on the server, fewer
    /// indexes.
    Migrations,
}

impl Origin {
    /// The ways in which the tables of this database can have been created.
    #[must_use]
    pub fn of(backend: DbBackend) -> &'static [Self] {
        match backend {
            DbBackend::Sqlite => &[Self::Models],
            _ => &[Self::Models, Self::Migrations],
        }
    }
}

/// The statements that create the tables.
#[must_use]
pub fn tables(backend: DbBackend, origin: Origin) -> String {
    let (id, time) = match backend {
        DbBackend::Sqlite => ("INTEGER NOT NULL", "DATETIME"),
        _ => ("SERIAL NOT NULL", "TIMESTAMP WITHOUT TIME ZONE"),
    };
    let tables = include_str!("platform/tables.sql").replace("{id}", id).replace("{time}", time);
    match origin {
        Origin::Models => tables,
        Origin::Migrations => tables + include_str!("platform/migrated.sql"),
    }
}

/// Rows of older and newer versions, written as SQLAlchemy writes them: older rows lack values that were added later, a
/// country is free text, and some payments stay `pending` for ever.
pub const ROWS: &str = include_str!("platform/rows.sql");

/// One insert for each table, in an order in which each refers only to earlier ones, in the form of SQLAlchemy: every
/// column is named, and times have six digits.
pub const INSERTS: [(&str, &str); 9] = [
    (
        "users",
        "INSERT INTO users (username, email, hashed_password, role, is_active, created_at, updated_at, mfa_enabled,
            last_login_ip, failed_login_attempts, email_verified) VALUES ('dee', 'd@x', 'h', 'customer', TRUE,
            '2026-01-02 03:04:05.000001', '2026-01-02 03:04:05.000001', FALSE, NULL, 0, FALSE)",
    ),
    (
        "invoices",
        "INSERT INTO invoices (user_id, amount, status, due_date, created_at, paid_at, billing_country)
            VALUES (1, 19.99, 'unpaid', '2098-01-01 00:00:00.000000', '2026-01-02 03:04:05.000001', NULL, 'GB')",
    ),
    (
        "payments",
        "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status, created_at)
            VALUES (1, 5, 'card', 't-new', 'completed', '2026-01-02 03:04:05.000001')",
    ),
    (
        "discounts",
        "INSERT INTO discounts (name, description, discount_type, value, is_percentage, is_active, valid_from, valid_to,
            applicable_plans, created_at, updated_at) VALUES ('New', NULL, 'loyalty', 5, TRUE, TRUE,
            '2026-01-01 00:00:00.000000', NULL, '[]', '2026-01-02 03:04:05.000001', '2026-01-02 03:04:05.000001')",
    ),
    (
        "invoice_discounts",
        "INSERT INTO invoice_discounts (invoice_id, discount_id, amount, created_at)
            VALUES (1, 1, 5, '2026-01-02 03:04:05.000001')",
    ),
    (
        "credit_notes",
        "INSERT INTO credit_notes (user_id, amount, remaining_amount, reason, reference_invoice_id, status, created_at,
            applied_at) VALUES (1, 3, 3, 'late', NULL, 'issued', '2026-01-02 03:04:05.000001', NULL)",
    ),
    (
        "credit_note_applications",
        "INSERT INTO credit_note_applications (credit_note_id, invoice_id, amount, applied_at)
            VALUES (1, 1, 0.50, '2026-01-02 03:04:05.000001')",
    ),
    (
        "tax_rates",
        "INSERT INTO tax_rates (name, description, rate, country, region, is_default, created_at, updated_at)
            VALUES ('TVA', NULL, 20, 'FR', NULL, TRUE, '2026-01-02 03:04:05.000001', '2026-01-02 03:04:05.000001')",
    ),
    (
        "invoice_taxes",
        "INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, created_at)
            VALUES (1, 1, 10, 2, '2026-01-02 03:04:05.000001')",
    ),
];
