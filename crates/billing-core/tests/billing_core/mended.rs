//! `migrate` makes again what somebody has dropped, and makes unreadable what went unseen meanwhile.

use std::collections::BTreeSet;

use billing_core::migration::{check_schema, migrate};
use billing_outbox::database::Database;
use billing_outbox::triggers::{TriggerChange, TriggerFault, check_triggers};
use sea_orm::DbBackend;

use crate::backends::{DECLARATIONS, execute, for_each_backend, for_each_migrated, texts};
use crate::triggers::ROWS;

/// Types and tables of the rows that clear a whole type, each once.
async fn clears(database: &Database) -> BTreeSet<String> {
    let sql = "SELECT cache_type || ' ' || table_name FROM cache_invalidations WHERE key_parts IS NULL";
    texts(database, sql, 1).await.into_iter().flatten().flatten().collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn an_outbox_that_was_dropped_is_made_again_and_every_type_is_cleared() {
    for_each_migrated(async |database| {
        execute(database, "DROP TABLE cache_invalidations").await;
        let report = migrate(database, DECLARATIONS).await.unwrap();
        assert_eq!(report.applied, [""; 0]);
        let indexes = ["index ix_cache_invalidations_pending", "index ix_cache_invalidations_relayed"];
        assert_eq!(report.mended, [&["table cache_invalidations"][..], &indexes].concat());
        let all = set(&["active_discounts", "invoices", "tax_rates", "user_credit_notes"]);
        assert_eq!(report.cleared.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), all);
        assert!(clears(database).await.contains("invoices payments"));
        check_schema(database).await.unwrap();

        execute(database, ROWS).await;
        execute(database, "UPDATE invoices SET status = 'paid' WHERE id = 1").await;
        assert_eq!(texts(database, "SELECT key_parts FROM cache_invalidations", 1).await, [[Some("[1]".to_owned())]]);
        assert_eq!(migrate(database, DECLARATIONS).await.unwrap().mended, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn columns_indexes_and_tables_that_were_dropped_are_made_again() {
    for_each_migrated(async |database| {
        let cascade = if database.backend() == DbBackend::Sqlite { "" } else { " CASCADE" };
        let damage = match database.backend() {
            // SQLite drops no column that a trigger names.
            DbBackend::Sqlite => {
                "DROP TRIGGER billing_copy_invoice_taxes; DROP TRIGGER billing_copy_invoice_taxes_update;"
            }
            _ => "",
        };
        let damage = format!(
            "{damage} ALTER TABLE invoice_taxes DROP COLUMN rate; DROP INDEX ix_payments_invoice_id;
             ALTER TABLE cache_invalidations DROP COLUMN redis_history; DROP TABLE credit_note_applications{cascade}"
        );
        execute(database, &damage).await;
        let report = migrate(database, DECLARATIONS).await.unwrap();
        let expected = [
            "table credit_note_applications",
            "column cache_invalidations.redis_history",
            "column invoice_taxes.rate",
            "index ix_payments_invoice_id",
            "index ix_credit_note_applications_invoice_id",
            "index ix_credit_note_applications_credit_note_id",
        ];
        assert_eq!(report.mended, expected);
        assert!(clears(database).await.contains("invoices credit_note_applications"));
        assert_eq!(check_triggers(database.connection(), DECLARATIONS).await.unwrap(), []);
        execute(database, ROWS).await;
    })
    .await;
}

#[tokio::test]
async fn types_are_cleared_of_which_changes_may_have_gone_unseen_and_no_others() {
    for_each_migrated(async |database| {
        let damage = match database.backend() {
            DbBackend::Sqlite => "DROP TRIGGER billing_cache_tax_rates_update; DROP TRIGGER billing_copy_invoice_taxes",
            _ => {
                "ALTER TABLE tax_rates DISABLE TRIGGER billing_cache_tax_rates_insert;
                 DROP TRIGGER billing_copy_invoice_taxes ON invoice_taxes"
            }
        };
        execute(database, damage).await;
        let report = migrate(database, DECLARATIONS).await.unwrap();
        assert!(matches!(report.triggers, TriggerChange::Replaced { .. }));
        assert_eq!(report.faults.len(), 2, "{:?}", report.faults);
        assert_eq!(report.cleared, BTreeSet::from(["tax_rates"]));
        assert_eq!(clears(database).await, set(&["tax_rates tax_rates"]));
    })
    .await;
}

#[tokio::test]
async fn a_new_database_has_nothing_to_clear() {
    for_each_backend(async |database| {
        let report = migrate(database, DECLARATIONS).await.unwrap();
        assert_eq!((report.faults.len(), report.cleared.len(), report.mended.len()), (0, 0, 0));
        assert_eq!(clears(database).await, set(&[]));
    })
    .await;
}

#[tokio::test]
async fn a_trigger_that_somebody_has_broken_does_not_keep_copies_from_being_filled() {
    for_each_migrated(async |database| {
        execute(database, ROWS).await;
        let line = "INSERT INTO invoice_taxes (id, invoice_id, tax_rate_id, taxable_amount, tax_amount)
            VALUES (1, 1, 1, 100, 20); UPDATE invoice_taxes SET rate = NULL; DELETE FROM cache_invalidations";
        execute(database, line).await;
        let broken = match database.backend() {
            DbBackend::Sqlite => {
                "DROP TRIGGER billing_cache_invoice_taxes_update;
                 CREATE TRIGGER billing_cache_invoice_taxes_update AFTER UPDATE ON invoice_taxes
                 BEGIN INSERT INTO nowhere VALUES (1); END"
            }
            _ => {
                "CREATE OR REPLACE FUNCTION billing_cache_invoice_taxes_update() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN INSERT INTO nowhere VALUES (1); END $$"
            }
        };
        execute(database, broken).await;
        let report = migrate(database, DECLARATIONS).await.unwrap();
        assert_eq!((report.filled, report.faults[0].fault), (1, TriggerFault::Differs));
        assert!(clears(database).await.contains("invoices invoice_taxes"));
    })
    .await;
}
