//! A Redis that may have lost acknowledged invalidations: nothing is read from it before they were applied again.

use billing_cache::Tier;
use billing_core::service::BillingService;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, TransactionTrait};
use test_support::{FaultProxy, RedisServer, Wire};

use crate::backends::execute;
use crate::relaying::{due, until, until_due, until_due_in_redis};
use crate::world::{World, for_each_world};

/// While it lives, no relay can end a replay: rows cannot be marked, and on PostgreSQL not even be read.
pub(crate) async fn hold_outbox(world: &World) -> DatabaseTransaction {
    let transaction = world.database.connection().begin().await.unwrap();
    let lock = match world.database.backend() {
        DbBackend::Postgres => "LOCK TABLE cache_invalidations IN ACCESS EXCLUSIVE MODE",
        _ => "UPDATE users SET username = username",
    };
    transaction.execute_unprepared(lock).await.unwrap();
    transaction
}

/// An invoice of 50 is cached, then another program makes it 60, and every process knows. Answers what was cached
/// first.
pub(crate) async fn change_invoice(world: &World, service: &BillingService) -> String {
    until_due_in_redis(service, 2, 50).await;
    let old = world.cached("invoice:2").unwrap();
    world.set_amount(2, 60).await;
    until_due(service, 2, 60).await;
    world.wait_until_relayed().await;
    old
}

/// While the outbox is held, Redis has the old value of the changed invoice and nobody reads it; afterwards the new one
/// comes from Redis.
pub(crate) async fn assert_bypassed_until_replayed(world: &World, service: &BillingService, held: DatabaseTransaction) {
    for _ in 0..20 {
        assert_eq!(due(service, 2).await, ("60.00".to_owned(), Tier::Bypassed));
    }
    if world.database.backend() == DbBackend::Postgres {
        assert!(world.cached("invoice:2").unwrap().contains("50.00"), "Redis still has the old value");
    }
    held.rollback().await.unwrap();
    until_due_in_redis(service, 2, 60).await;
    world.wait_until_relayed().await;
}

/// Removes the marks of an earlier history, as if they had been made by another server.
async fn told_elsewhere(world: &World) {
    execute(&world.database, "UPDATE cache_invalidations SET redis_history = 'another:history'").await;
}

fn set(server: &RedisServer, key: &str, value: &str) {
    server.command::<()>(&["SET", key, value, "EX", "300"]).unwrap();
}

#[tokio::test]
async fn a_redis_that_restarts_with_an_old_dump_is_not_read_before_the_replay_and_never_gives_the_old_value() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 50).await;
        world.redis.command::<()>(&["SAVE"]).unwrap();
        change_invoice(world, &service).await;
        world.redis.kill().unwrap();
        until(async || due(&service, 2).await == ("60.00".to_owned(), Tier::Bypassed)).await;
        let held = hold_outbox(world).await;
        world.redis.restart().unwrap();
        // Connected again, and the replay has begun.
        until(async || world.redis.calls("info").unwrap() > 0).await;
        assert_bypassed_until_replayed(world, &service, held).await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn another_server_with_old_data_behind_the_same_address_never_gives_an_old_value() {
    for_each_world(async |world| {
        let wire = FaultProxy::start(world.redis.port()).await.unwrap();
        let services = [world.relaying_with(&world.relay_settings_over(&wire)).await, {
            world.relaying_with(&world.relay_settings_over(&wire)).await
        }];
        let old = change_invoice(world, &services[0]).await;
        until_due(&services[1], 2, 60).await;
        let other = RedisServer::start().unwrap();
        set(&other, "invoice:2", &old);
        wire.lead_to(other.port());
        wire.reset();
        for service in &services {
            // Whatever is read on the way is checked.
            until_due_in_redis(service, 2, 60).await;
        }
        assert!(other.command::<String>(&["GET", "invoice:2"]).unwrap().contains("60.00"));
        let run_id = &other.info("server").unwrap()["run_id"];
        let marked = format!("cache_invalidations WHERE redis_history NOT LIKE '{run_id}%'");
        world.until_count(&marked, 0).await;
        for service in services {
            service.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_process_that_starts_replays_what_another_history_was_told() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        let old = change_invoice(world, &service).await;
        service.close().await;
        told_elsewhere(world).await;
        set(&world.redis, "invoice:2", &old);
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 60).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn until_the_replay_of_a_start_has_ended_reads_pass_by_redis() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        let old = change_invoice(world, &service).await;
        service.close().await;
        told_elsewhere(world).await;
        set(&world.redis, "invoice:2", &old);
        let held = hold_outbox(world).await;
        let mut settings = world.relay_settings();
        settings.redis.connect_timeout_ms = 1_000;
        let service = world.relaying_with(&settings).await;
        for _ in 0..20 {
            assert_eq!(due(&service, 2).await, ("60.00".to_owned(), Tier::Bypassed));
        }
        held.rollback().await.unwrap();
        until_due_in_redis(&service, 2, 60).await;
        service.close().await;
    })
    .await;
}

/// The same server, but not the same connection: while there was none, another one may have stood in.
#[tokio::test]
async fn what_another_server_was_told_while_this_process_had_no_connection_is_replayed() {
    for_each_world(async |world| {
        let wire = FaultProxy::start(world.redis.port()).await.unwrap();
        let service = world.relaying_with(&world.relay_settings_over(&wire)).await;
        let old = change_invoice(world, &service).await;
        wire.set(Wire::Refuse);
        wire.reset();
        until(async || due(&service, 2).await == ("60.00".to_owned(), Tier::Bypassed)).await;
        told_elsewhere(world).await;
        set(&world.redis, "invoice:2", &old);
        wire.set(Wire::Pass);
        until_due_in_redis(&service, 2, 60).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

/// A failover in which one process goes on with the old primary: nobody connects again after it has marked its row.
#[tokio::test]
async fn what_is_marked_as_told_to_another_server_is_told_to_this_one_too_and_keeps_its_mark() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        let old = change_invoice(world, &service).await;
        set(&world.redis, "invoice:2", &old);
        told_elsewhere(world).await;
        until_due(&service, 2, 60).await;
        assert_eq!(world.count("cache_invalidations WHERE redis_history <> 'another:history'").await, 0);
        // Once is enough: what is told again and again would keep hot values out of Redis for a while.
        world.until_passes(2).await;
        until_due_in_redis(&service, 2, 60).await;
        world.redis.reset_command_stats().unwrap();
        world.until_passes(5).await;
        assert_eq!(world.redis.calls("unlink").unwrap(), 0);
        service.close().await;
    })
    .await;
}

/// As a TRUNCATE during a failover, which a relay of the old primary has applied.
#[tokio::test]
async fn a_type_that_was_cleared_on_another_server_is_cleared_on_this_one_once_and_its_row_keeps_its_mark() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        let old = change_invoice(world, &service).await;
        set(&world.redis, "invoice:2", &old);
        let whole_type = "INSERT INTO cache_invalidations (cache_type, table_name, relayed_at, redis_history)
            SELECT 'invoices', 'test', max(relayed_at), 'another:history' FROM cache_invalidations";
        execute(&world.database, whole_type).await;
        until_due(&service, 2, 60).await;
        world.until_passes(2).await;
        until_due_in_redis(&service, 2, 60).await;
        world.until_passes(5).await;
        assert!(world.cached("invoice:2").is_some(), "it is cleared once");
        assert_eq!(world.count("cache_invalidations WHERE redis_history = 'another:history'").await, 1);
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn while_nothing_changes_nothing_is_replayed() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        change_invoice(world, &service).await;
        world.redis.reset_command_stats().unwrap();
        world.until_passes(5).await;
        for _ in 0..3 {
            let killed: u64 = world.redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).unwrap();
            assert!(killed > 0);
            until_due_in_redis(&service, 2, 60).await;
            world.until_passes(5).await;
        }
        assert_eq!(world.redis.calls("unlink").unwrap(), 0);
        service.close().await;
    })
    .await;
}

/// Writers may add rows faster than a replay takes them. Here each mark makes a new row.
#[tokio::test]
async fn a_replay_ends_although_rows_keep_coming() {
    for_each_world(async |world| {
        let row = "INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES ('invoices', '[1]', 'test')";
        let (each_mark, no_more) = match world.database.backend() {
            DbBackend::Postgres => (
                format!(
                    "CREATE FUNCTION one_more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {row}; RETURN NULL; END $$;
                     CREATE TRIGGER one_more AFTER UPDATE ON cache_invalidations FOR EACH ROW EXECUTE FUNCTION one_more()"
                ),
                "DROP TRIGGER one_more ON cache_invalidations",
            ),
            _ => (
                format!("CREATE TRIGGER one_more AFTER UPDATE ON cache_invalidations BEGIN {row}; END"),
                "DROP TRIGGER one_more",
            ),
        };
        execute(&world.database, &each_mark).await;
        execute(&world.database, row).await;
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 50).await;
        execute(&world.database, no_more).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_hides_its_history_is_used_and_replayed_to_at_every_connection() {
    for_each_world(async |world| {
        world.redis.command::<()>(&["ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", "+@all", "-info"]).unwrap();
        let mut settings = world.relay_settings();
        settings.redis.username = "app".to_owned();
        settings.redis.password = "secret".into();
        let service = world.relaying_with(&settings).await;
        until_due_in_redis(&service, 2, 50).await;
        let old = world.cached("invoice:2").unwrap();
        world.set_amount(2, 60).await;
        until_due(&service, 2, 60).await;
        world.wait_until_relayed_but_for_history().await;
        assert_eq!(world.count("cache_invalidations WHERE redis_history IS NOT NULL").await, 0);
        until_due_in_redis(&service, 2, 60).await;
        for _ in 0..2 {
            world.redis.command::<u64>(&["CLIENT", "KILL", "USER", "app"]).unwrap();
            set(&world.redis, "invoice:2", &old);
            until_due_in_redis_after_noticing(&service).await;
        }
        service.close().await;
    })
    .await;
}

/// The connection is found dead by the first who uses it.
async fn until_due_in_redis_after_noticing(service: &BillingService) {
    until_due(service, 2, 60).await;
    until_due_in_redis(service, 2, 60).await;
}
