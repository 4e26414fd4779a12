//! What only PostgreSQL has: transactions side by side, locks, notifications, and connections that are cut.

use billing_core::service::BillingService;
use sea_orm::{ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use test_support::{TestDatabase, eventually};

use crate::backends::execute;
use crate::relaying::{due, until, until_due, until_due_in_redis};
use crate::world::{DEADLINE, ROWS, World};

/// Runs the test over a PostgreSQL database with [`ROWS`].
pub(crate) async fn on_postgres(test: impl AsyncFn(&World)) {
    let owned = TestDatabase::postgres().await.unwrap();
    let world = World::over(&owned).await;
    execute(&world.database, ROWS).await;
    test(&world).await;
    world.database.close().await.unwrap();
    owned.drop_database().await.unwrap();
}

/// A relay that looks by itself once an hour.
async fn woken_only(world: &World) -> BillingService {
    let mut settings = world.relay_settings();
    settings.relay.poll_interval_ms = 3_600_000;
    world.relaying_with(&settings).await
}

const LISTENERS: &str = "pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";

#[tokio::test]
async fn a_row_that_becomes_visible_after_a_later_one_is_not_missed() {
    on_postgres(async |world| {
        let service = world.relaying().await;
        due(&service, 1).await;
        due(&service, 2).await;
        let slow = world.database.connection().begin().await.unwrap();
        slow.execute_unprepared("UPDATE invoices SET amount = 110 WHERE id = 1").await.unwrap();
        world.set_amount(2, 60).await;
        until_due(&service, 2, 60).await;
        world.wait_until_relayed().await;
        slow.commit().await.unwrap();
        until_due(&service, 1, 110).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn truncating_a_table_clears_the_types_that_depend_on_it() {
    on_postgres(async |world| {
        let service = world.relaying().await;
        for invoice in 1..=4 {
            due(&service, invoice).await;
        }
        service.active_discounts().await.unwrap();
        service.user_credit_notes(1).await.unwrap();
        execute(&world.database, "TRUNCATE invoice_discounts").await;
        until(async || world.keys().into_iter().eq(["user_credit_notes:1"])).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn two_relays_share_the_work_and_everything_is_marked() {
    on_postgres(async |world| {
        let services = [world.relaying().await, world.relaying().await];
        for _ in 0..4 {
            let rows = (1..=1_500).map(|id| format!("('invoices', '[{id}]', 'test')")).collect::<Vec<_>>().join(", ");
            let sql = format!("INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES {rows}");
            execute(&world.database, &sql).await;
        }
        world.wait_until_relayed().await;
        for service in services {
            service.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn rows_that_another_relay_holds_do_not_keep_the_others_waiting() {
    on_postgres(async |world| {
        // Long enough to lock the rows before the relay takes them.
        let mut settings = world.relay_settings();
        settings.relay.grace_ms = 5_000;
        let service = world.relaying_with(&settings).await;
        let held = "INSERT INTO cache_invalidations (cache_type, key_parts, table_name)
            SELECT 'invoices', '[1]', 'held' FROM generate_series(1, 2)";
        execute(&world.database, held).await;
        let other = world.database.connection().begin().await.unwrap();
        let take = "SELECT id FROM cache_invalidations WHERE table_name = 'held' AND relayed_at IS NULL FOR UPDATE";
        let taken = other.query_all_raw(Statement::from_string(DbBackend::Postgres, take)).await.unwrap();
        assert_eq!(taken.len(), 2);
        for invoice in 2..=4 {
            world.add_row("invoices", Some(&format!("[{invoice}]"))).await;
        }
        world.until_count("cache_invalidations WHERE relayed_at IS NULL AND table_name = 'test'", 0).await;
        other.rollback().await.unwrap();
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

/// Another relay has taken a row for its own replay and not told Redis yet: skipping it would let the old value be
/// read.
#[tokio::test]
async fn a_replay_does_not_skip_what_another_relay_holds() {
    on_postgres(async |world| {
        let process = world.process().await;
        until_due_in_redis(&process, 2, 50).await;
        world.set_amount(2, 60).await;
        execute(
            &world.database,
            "UPDATE cache_invalidations SET relayed_at = created_at, redis_history = 'another:history'",
        )
        .await;
        let other = world.database.connection().begin().await.unwrap();
        other.execute_unprepared("SELECT id FROM cache_invalidations FOR UPDATE").await.unwrap();
        let mut settings = world.relay_settings();
        settings.redis.connect_timeout_ms = 1_000;
        let service = world.relaying_with(&settings).await;
        for _ in 0..20 {
            assert_eq!(due(&service, 2).await.0, "60.00");
        }
        other.rollback().await.unwrap();
        until_due_in_redis(&service, 2, 60).await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_notification_wakes_the_relay() {
    on_postgres(async |world| {
        let services = [woken_only(world).await, woken_only(world).await];
        for amount in [60, 70, 80] {
            for service in &services {
                due(service, 2).await;
            }
            world.set_amount(2, amount).await;
            for service in &services {
                until_due(service, 2, amount).await;
            }
        }
        for service in services {
            service.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_listener_whose_connection_was_cut_listens_again_and_looks_at_what_it_missed() {
    on_postgres(async |world| {
        let service = woken_only(world).await;
        for amount in [60, 70, 80] {
            due(&service, 2).await;
            world.until_count(LISTENERS, 1).await;
            let cut = format!("SELECT CAST(pg_terminate_backend(pid) AS TEXT) FROM {LISTENERS}");
            assert_eq!(world.column(&cut).await, [Some("true".to_owned())]);
            world.set_amount(2, amount).await;
            until_due(&service, 2, amount).await;
        }
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn while_nobody_listens_the_relay_looks_by_itself() {
    on_postgres(async |world| {
        // These rows come without a notification.
        let service = world.relaying().await;
        due(&service, 2).await;
        world.until_count(LISTENERS, 1).await;
        world.add_row("invoices", Some("[2]")).await;
        until(async || world.cached("invoice:2").is_none()).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

/// The server's own database, from which others can be closed.
async fn administrator() -> DatabaseConnection {
    let mut options = ConnectOptions::new(std::env::var("BILLING_TEST_POSTGRES_URL").unwrap());
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.unwrap()
}

#[tokio::test]
async fn after_the_database_was_away_the_relay_goes_on_and_listens_again() {
    on_postgres(async |world| {
        let (looking, woken) = (world.relaying().await, woken_only(world).await);
        for service in [&looking, &woken] {
            until_due_in_redis(service, 2, 50).await;
        }
        let name = world.column("SELECT CAST(current_database() AS TEXT)").await.remove(0).unwrap();
        let administrator = administrator().await;
        let run = async |sql: String| administrator.execute_unprepared(&sql).await.unwrap();
        run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
        run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
        world.until_passes(3).await;
        assert_eq!(due(&looking, 2).await.0, "50.00", "Redis still has it");
        run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
        let change = || world.database.connection().execute_unprepared("UPDATE invoices SET amount = 60 WHERE id = 2");
        eventually(DEADLINE, change).await.unwrap();
        for service in [&looking, &woken] {
            until_due(service, 2, 60).await;
        }
        world.wait_until_relayed().await;
        administrator.close().await.unwrap();
        looking.close().await;
        woken.close().await;
    })
    .await;
}
