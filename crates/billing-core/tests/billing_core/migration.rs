//! Migrating: fresh, again, at the same time; and the triggers following their declarations.

use billing_core::migration::{OWNER, migrate};
use billing_outbox::declaration::{Declarations, TableDependency, TypeDependencies};
use billing_outbox::triggers::{TriggerChange, expected_triggers, installed_triggers};
use sea_orm::DbBackend;
use test_support::TestDatabase;

use crate::backends::{DECLARATIONS, connect, execute, for_each_backend, for_each_migrated, texts};

#[tokio::test]
async fn a_fresh_database_is_migrated_once() {
    for_each_backend(async |database| {
        let first = migrate(database, DECLARATIONS).await.unwrap();
        assert_eq!(first.applied, ["m0001_platform_tables", "m0002_outbox"]);
        assert!(matches!(first.triggers, TriggerChange::Replaced { .. }));

        let second = migrate(database, DECLARATIONS).await.unwrap();
        assert!(second.applied.is_empty());
        assert_eq!(second.triggers, TriggerChange::Unchanged);
    })
    .await;
}

#[tokio::test]
async fn the_installed_triggers_are_the_expected_ones() {
    for_each_migrated(async |database| {
        let installed = installed_triggers(database.connection(), &OWNER).await.unwrap();
        assert_eq!(installed, expected_triggers(database.connection(), DECLARATIONS).await.unwrap());
        let (per_table, per_copying_table) = if database.backend() == DbBackend::Sqlite { (5, 2) } else { (4, 1) };
        assert_eq!(installed.len(), 8 * per_table + 2 * per_copying_table);
    })
    .await;
}

#[tokio::test]
async fn changed_declarations_replace_the_triggers_and_only_ours() {
    const FEWER: &Declarations = &OWNER.declares(&[TypeDependencies {
        cache_type: "invoices",
        tables: &[TableDependency { table: "payments", key_columns: &["invoice_id"] }],
    }]);
    for_each_migrated(async |database| {
        let report = migrate(database, FEWER).await.unwrap();
        assert!(matches!(report.triggers, TriggerChange::Replaced { .. }));
        let installed = installed_triggers(database.connection(), &OWNER).await.unwrap();
        assert_eq!(installed, expected_triggers(database.connection(), FEWER).await.unwrap());
        let (copying, seeing): (Vec<_>, Vec<_>) =
            installed.iter().partition(|trigger| trigger.name.starts_with(OWNER.copies.unwrap().prefix));
        assert!(!copying.is_empty() && seeing.iter().all(|trigger| trigger.table == "payments"));
    })
    .await;
}

#[tokio::test]
async fn a_disabled_or_dropped_trigger_is_made_again() {
    for_each_migrated(async |database| {
        let damage = match database.backend() {
            DbBackend::Sqlite => "DROP TRIGGER billing_cache_payments_update",
            _ => "ALTER TABLE payments DISABLE TRIGGER billing_cache_payments_insert",
        };
        execute(database, damage).await;
        let installed = installed_triggers(database.connection(), &OWNER).await.unwrap();
        assert_ne!(installed, expected_triggers(database.connection(), DECLARATIONS).await.unwrap());
        let report = migrate(database, DECLARATIONS).await.unwrap();
        assert!(matches!(report.triggers, TriggerChange::Replaced { .. }));
        let installed = installed_triggers(database.connection(), &OWNER).await.unwrap();
        assert_eq!(installed, expected_triggers(database.connection(), DECLARATIONS).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn processes_that_migrate_at_the_same_time_wait_for_each_other() {
    for owned in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
        let tasks: Vec<_> = [connect(&owned).await, connect(&owned).await, connect(&owned).await]
            .into_iter()
            .map(|database| tokio::spawn(async move { migrate(&database, DECLARATIONS).await }))
            .collect();
        let mut applied = 0;
        for task in tasks {
            applied += task.await.unwrap().unwrap().applied.len();
        }
        assert_eq!(applied, 2, "on {}", owned.backend_name());
    }
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    for_each_backend(async |database| {
        const WRONG: &Declarations = &OWNER.declares(&[TypeDependencies {
            cache_type: "invoices",
            tables: &[TableDependency { table: "no_such_table", key_columns: &["id"] }],
        }]);
        let error = migrate(database, WRONG).await.unwrap_err();
        assert!(error.to_string().contains("nothing was changed"), "{error}");
        let tables = match database.backend() {
            DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
            _ => "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        };
        assert!(texts(database, tables, 1).await.is_empty());
    })
    .await;
}
