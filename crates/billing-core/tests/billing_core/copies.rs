//! Copies of names and rates on invoice lines, made by triggers, and by `migrate` where triggers were missing.

use billing_core::migration::{MissingCopies, migrate, missing_copies};
use billing_outbox::database::Database;
use sea_orm::DbBackend;

use crate::backends::{DECLARATIONS, execute, for_each_migrated, texts};
use crate::triggers::ROWS;

/// Name and rate of the line with this id.
async fn tax_line(database: &Database, id: i32) -> (Option<String>, Option<String>) {
    let sql = format!("SELECT name, CAST(CAST(rate * 100 AS INTEGER) AS TEXT) FROM invoice_taxes WHERE id = {id}");
    let mut row = texts(database, &sql, 2).await.remove(0);
    (row.remove(0), row.remove(0))
}

fn is(name: &str, hundredths: &str) -> (Option<String>, Option<String>) {
    (Some(name.to_owned()), Some(hundredths.to_owned()))
}

/// Writes what no trigger sees.
async fn unseen(database: &Database, sql: &str) {
    let (before, after) = match database.backend() {
        DbBackend::Sqlite => {
            ("DROP TRIGGER billing_copy_invoice_taxes; DROP TRIGGER billing_copy_invoice_discounts;", "")
        }
        _ => ("SET session_replication_role = replica;", "SET session_replication_role = DEFAULT"),
    };
    execute(database, &format!("{before} {sql}; {after}")).await;
}

const TAX_RATES: &str = "
INSERT INTO tax_rates (id, name, rate, country) VALUES (2, 'Reduced', 5, 'GB'), (3, 'Sales', 7.25, 'US');
INSERT INTO discounts (id, name, discount_type, value) VALUES (2, 'Five', 'seasonal', 5);";

#[tokio::test]
async fn a_line_that_comes_to_refer_to_another_row_copies_anew() {
    for_each_migrated(async |database| {
        execute(database, ROWS).await;
        execute(database, TAX_RATES).await;
        let line = "INSERT INTO invoice_taxes (id, invoice_id, tax_rate_id, taxable_amount, tax_amount)
            VALUES (1, 1, 1, 100, 20)";
        execute(database, line).await;
        assert_eq!(tax_line(database, 1).await, is("VAT", "2000"));
        for (set, expected) in [
            ("tax_rate_id = 2", is("Reduced", "500")),
            ("tax_rate_id = 3, rate = 19.5", is("Sales", "1950")),
            ("tax_rate_id = 2, rate = NULL, name = 'By hand'", is("By hand", "500")),
            ("tax_rate_id = tax_rate_id, tax_amount = 1", is("By hand", "500")),
            ("rate = 6", is("By hand", "600")),
        ] {
            execute(database, &format!("UPDATE invoice_taxes SET {set} WHERE id = 1")).await;
            assert_eq!(tax_line(database, 1).await, expected, "{set}");
        }
        execute(database, "INSERT INTO invoice_discounts (invoice_id, discount_id, amount) VALUES (1, 1, 10)").await;
        execute(database, "UPDATE invoice_discounts SET discount_id = 2").await;
        let names = texts(database, "SELECT name FROM invoice_discounts", 1).await;
        assert_eq!(names, [[Some("Five".to_owned())]]);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_given_survives_a_rate_that_is_gone() {
    for_each_migrated(async |database| {
        execute(database, ROWS).await;
        let off = "PRAGMA foreign_keys = OFF;";
        let off =
            if database.backend() == DbBackend::Sqlite { off } else { "ALTER TABLE tax_rates DISABLE TRIGGER ALL;" };
        let drop_keys = match database.backend() {
            DbBackend::Sqlite => "",
            _ => "ALTER TABLE invoice_taxes DROP CONSTRAINT invoice_taxes_tax_rate_id_fkey;",
        };
        let line = "INSERT INTO invoice_taxes (id, invoice_id, tax_rate_id, taxable_amount, tax_amount, name)
            VALUES (1, 1, 99, 100, 20, 'Agreed')";
        execute(database, &format!("{off} {drop_keys} {line}")).await;
        assert_eq!(tax_line(database, 1).await, (Some("Agreed".to_owned()), None));
    })
    .await;
}

#[tokio::test]
async fn migrate_fills_what_can_be_told_and_counts_the_rest() {
    for_each_migrated(async |database| {
        execute(database, ROWS).await;
        execute(database, TAX_RATES).await;
        let lines = "INSERT INTO invoice_taxes (id, invoice_id, tax_rate_id, taxable_amount, tax_amount) VALUES
                (1, 1, 1, 100, 20), (2, 1, 1, 100, 17.5), (3, 1, 3, 10, 0.73), (4, 1, 1, 10, 0.73), (5, 1, 1, 100, -1),
                (6, 1, 1, 0.1, 0.02), (7, 1, 1, 99999999.99, 20000000), (8, 1, 3, 1.1, 0.08), (9, 1, 2, 100, 0);
            INSERT INTO invoice_discounts (invoice_id, discount_id, amount) VALUES (1, 1, 10)";
        unseen(database, lines).await;
        execute(database, "UPDATE tax_rates SET name = name; DELETE FROM cache_invalidations").await;
        let report = migrate(database, DECLARATIONS).await.unwrap();
        for (id, name, rate) in [
            (1, "VAT", Some("2000")),
            (2, "VAT", Some("1750")),
            (3, "Sales", Some("725")),
            (4, "VAT", None),
            (5, "VAT", None),
            (6, "VAT", Some("2000")),
            (7, "VAT", Some("2000")),
            (8, "Sales", Some("725")),
            (9, "Reduced", Some("0")),
        ] {
            assert_eq!(tax_line(database, id).await, (Some(name.to_owned()), rate.map(str::to_owned)), "line {id}");
        }
        assert_eq!(report.filled, 10 + 7);
        let left = MissingCopies { column: "invoice_taxes.rate".to_owned(), lines: 2 };
        assert_eq!(missing_copies(database.connection()).await.unwrap(), [left]);

        let told =
            texts(database, "SELECT DISTINCT cache_type, table_name FROM cache_invalidations ORDER BY 2", 2).await;
        let tables: Vec<_> = told.into_iter().map(|mut row| row.remove(1).unwrap()).collect();
        assert!(tables.contains(&"invoice_taxes".to_owned()), "{tables:?}");
        execute(database, "DELETE FROM cache_invalidations").await;
        assert_eq!(migrate(database, DECLARATIONS).await.unwrap().filled, 0);
        assert!(texts(database, "SELECT cache_type FROM cache_invalidations", 1).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn more_lines_than_are_read_at_once_are_filled() {
    for_each_migrated(async |database| {
        execute(database, ROWS).await;
        let many = "INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount, name)
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
            SELECT 1, 1, 100 + i, round((100 + i) * 0.2, 2), 'VAT' FROM n";
        unseen(database, many).await;
        assert_eq!(migrate(database, DECLARATIONS).await.unwrap().filled, 2_500);
        assert_eq!(missing_copies(database.connection()).await.unwrap(), []);
    })
    .await;
}
