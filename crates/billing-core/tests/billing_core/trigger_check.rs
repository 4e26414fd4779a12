//! Triggers that are not as declared are named, and `migrate` makes them so again.

use billing_core::migration::{OWNER, migrate};
use billing_outbox::database::{Database, DatabaseError};
use billing_outbox::triggers::{TriggerChange, TriggerFault, check_triggers, installed_triggers};
use sea_orm::DbBackend;

use crate::backends::{DECLARATIONS, execute, for_each_migrated, texts};

/// What a hand did to a trigger of `invoices`, by backend; its name and what is wrong with it.
const SQLITE: &[(&str, &str, TriggerFault)] = &[
    ("DROP TRIGGER billing_cache_invoices_update", "billing_cache_invoices_update", TriggerFault::Missing),
    (
        "DROP TRIGGER billing_cache_invoices_delete;
         CREATE TRIGGER billing_cache_invoices_delete AFTER DELETE ON invoices BEGIN SELECT 1; END",
        "billing_cache_invoices_delete",
        TriggerFault::Differs,
    ),
    (
        "DROP TRIGGER billing_cache_invoices_replaced_insert",
        "billing_cache_invoices_replaced_insert",
        TriggerFault::Missing,
    ),
    ("DROP TRIGGER billing_copy_invoice_taxes", "billing_copy_invoice_taxes", TriggerFault::Missing),
    (
        "DROP TRIGGER billing_copy_invoice_discounts_update",
        "billing_copy_invoice_discounts_update",
        TriggerFault::Missing,
    ),
    (
        "CREATE TRIGGER billing_cache_users_insert AFTER INSERT ON users BEGIN SELECT 1; END",
        "billing_cache_users_insert",
        TriggerFault::Unexpected,
    ),
];
const POSTGRES: &[(&str, &str, TriggerFault)] = &[
    ("DROP TRIGGER billing_cache_invoices_update ON invoices", "billing_cache_invoices_update", TriggerFault::Missing),
    (
        "ALTER TABLE invoices DISABLE TRIGGER billing_cache_invoices_delete",
        "billing_cache_invoices_delete",
        TriggerFault::Differs,
    ),
    (
        "CREATE OR REPLACE FUNCTION billing_cache_invoices_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
         SET search_path = public, pg_temp AS $$ BEGIN RETURN NULL; END $$",
        "billing_cache_invoices_insert",
        TriggerFault::Differs,
    ),
    (
        "ALTER FUNCTION billing_cache_invoices_insert() SECURITY INVOKER",
        "billing_cache_invoices_insert",
        TriggerFault::Differs,
    ),
    (
        "ALTER FUNCTION billing_cache_invoices_insert() RESET search_path",
        "billing_cache_invoices_insert",
        TriggerFault::Differs,
    ),
    (
        "ALTER TABLE invoice_taxes DISABLE TRIGGER billing_copy_invoice_taxes",
        "billing_copy_invoice_taxes",
        TriggerFault::Differs,
    ),
    (
        "DROP TRIGGER billing_copy_invoice_discounts ON invoice_discounts",
        "billing_copy_invoice_discounts",
        TriggerFault::Missing,
    ),
    (
        "ALTER FUNCTION billing_copy_invoice_discounts() SECURITY INVOKER",
        "billing_copy_invoice_discounts",
        TriggerFault::Differs,
    ),
    (
        "CREATE TRIGGER billing_cache_users AFTER INSERT ON users FOR EACH ROW
         EXECUTE FUNCTION billing_cache_invoices_insert()",
        "billing_cache_users",
        TriggerFault::Unexpected,
    ),
];

async fn faults(database: &Database) -> Vec<(String, TriggerFault)> {
    let differences = check_triggers(database.connection(), DECLARATIONS).await.unwrap();
    differences.into_iter().map(|difference| (difference.name, difference.fault)).collect()
}

#[tokio::test]
async fn each_fault_is_named_and_repaired() {
    for_each_migrated(async |database| {
        assert_eq!(faults(database).await, []);
        let cases = if database.backend() == DbBackend::Sqlite { SQLITE } else { POSTGRES };
        for (sql, name, fault) in cases {
            execute(database, sql).await;
            assert_eq!(faults(database).await, [((*name).to_owned(), *fault)], "{sql}");
            let report = migrate(database, DECLARATIONS).await.unwrap();
            assert!(matches!(report.triggers, TriggerChange::Replaced { .. }), "{sql}");
            assert_eq!(faults(database).await, [], "{sql}");
        }
        assert_eq!(migrate(database, DECLARATIONS).await.unwrap().triggers, TriggerChange::Unchanged);
    })
    .await;
}

const VERSION: u32 = OWNER.version;

/// Makes one trigger of `invoices` as the next version might.
async fn make_newer(database: &Database) {
    let version = format!("/* billing_cache triggers, version {} */", VERSION + 1);
    let newer = match database.backend() {
        DbBackend::Sqlite => format!(
            "DROP TRIGGER billing_cache_invoices_delete;
             CREATE TRIGGER billing_cache_invoices_delete AFTER DELETE ON invoices BEGIN {version} SELECT 1; END"
        ),
        _ => format!(
            "CREATE OR REPLACE FUNCTION billing_cache_invoices_insert() RETURNS trigger LANGUAGE plpgsql
             SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN {version} RETURN NULL; END $$"
        ),
    };
    execute(database, &newer).await;
}

#[tokio::test]
async fn triggers_of_a_newer_version_are_told_and_never_replaced() {
    for_each_migrated(async |database| {
        make_newer(database).await;
        let before = installed_triggers(database.connection(), &OWNER).await.unwrap();
        assert!(matches!(faults(database).await.as_slice(), [(_, TriggerFault::Newer)]));
        let refused = migrate(database, DECLARATIONS).await.unwrap_err();
        let newer = VERSION + 1;
        assert!(matches!(refused, DatabaseError::NewerTriggers { found, known: VERSION, .. } if found == newer));
        assert!(refused.to_string().contains("run the `cache-admin migrate` of the newer version"), "{refused}");
        assert_eq!(installed_triggers(database.connection(), &OWNER).await.unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn triggers_from_before_versions_were_written_down_are_replaced() {
    for_each_migrated(async |database| {
        let older = match database.backend() {
            DbBackend::Sqlite => {
                "DROP TRIGGER billing_cache_invoices_delete;
                 CREATE TRIGGER billing_cache_invoices_delete AFTER DELETE ON invoices BEGIN SELECT 1; END"
            }
            _ => {
                "CREATE OR REPLACE FUNCTION billing_cache_invoices_insert() RETURNS trigger LANGUAGE plpgsql
                 SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN RETURN NULL; END $$"
            }
        };
        execute(database, older).await;
        assert!(matches!(faults(database).await.as_slice(), [(_, TriggerFault::Differs)]));
        migrate(database, DECLARATIONS).await.unwrap();
        assert_eq!(faults(database).await, []);
    })
    .await;
}

/// The trigger of a table as version 2 made it, one for all events.
const OF_VERSION_2: &str = "
    DROP TRIGGER billing_cache_payments_insert ON payments; DROP FUNCTION billing_cache_payments_insert;
    DROP TRIGGER billing_cache_payments_update ON payments; DROP FUNCTION billing_cache_payments_update;
    DROP TRIGGER billing_cache_payments_delete ON payments; DROP FUNCTION billing_cache_payments_delete;
    CREATE FUNCTION billing_cache_payments() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$ BEGIN /* billing_cache triggers, version 2 */ RETURN NULL; END $$;
    CREATE TRIGGER billing_cache_payments AFTER INSERT OR DELETE OR UPDATE ON payments
    FOR EACH ROW EXECUTE FUNCTION billing_cache_payments()";

#[tokio::test]
async fn the_triggers_of_the_version_before_go_when_those_of_this_one_come() {
    for_each_migrated(async |database| {
        if database.backend() == DbBackend::Sqlite {
            return; // Its triggers have kept their names.
        }
        execute(database, OF_VERSION_2).await;
        let report = migrate(database, DECLARATIONS).await.unwrap();
        assert_eq!(report.cleared, ["invoices"].into());
        assert_eq!(faults(database).await, []);
        let functions = "SELECT proname::text FROM pg_proc WHERE proname IN ('billing_cache_payments')";
        assert!(texts(database, functions, 1).await.is_empty());
    })
    .await;
}
