//! The relay applies what nobody has applied yet: rows of other programs, of crashes, of an outage.
//!
//! A row written by SQL is what a crash between commit and invalidation leaves, and what a Python process or a person
//! with psql leaves.

use std::time::Duration;

use billing_cache::SingleKey;
use billing_core::cached::ActiveDiscounts;
use billing_core::time::now;
use billing_outbox::outbox;
use chrono::TimeDelta;

use crate::backends::execute;
use crate::commands::{done, payment};
use crate::relaying::{due, until, until_due, until_due_in_redis};
use crate::world::{World, for_each_world};

#[tokio::test]
async fn a_change_by_another_program_reaches_every_process() {
    for_each_world(async |world| {
        let mut settings = world.relay_settings();
        settings.cache.types.get_mut("tax_rates").unwrap().l1 = Some(true);
        let services =
            [world.relaying().await, world.relaying_with(&settings).await, world.relaying_with(&settings).await];
        for amount in [60, 70] {
            for service in &services {
                due(service, 2).await;
                service.applicable_tax_rate("GB", None).await.unwrap();
            }
            world.set_amount(2, amount).await;
            execute(&world.database, &format!("UPDATE tax_rates SET rate = {} WHERE id = 1", amount / 2)).await;
            for service in &services {
                until_due(service, 2, amount).await;
                until(async || {
                    let rate = service.applicable_tax_rate("GB", None).await.unwrap();
                    rate.value.unwrap().rate.unwrap().to_string().starts_with(&(amount / 2).to_string())
                })
                .await;
            }
            world.wait_until_relayed().await;
        }
        for service in services {
            service.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn marks_carry_the_history_that_was_told_also_those_of_the_writer_and_of_rows_that_name_no_key() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        done(service.process_payment(payment(1, "1", "t")).await);
        world.set_amount(2, 60).await;
        execute(
            &world.database,
            "INSERT INTO tax_rates (name, rate, country, region, is_default) VALUES ('x', 1, 'US', 'a*:b[{', TRUE)",
        )
        .await;
        world.add_row("user_credit_notes", None).await;
        world.wait_until_relayed().await;
        let histories = world.column("SELECT DISTINCT redis_history FROM cache_invalidations").await;
        assert_eq!(histories, [Some(world.history())]);
        // Alone in their batches, too.
        execute(&world.database, "UPDATE tax_rates SET rate = 2 WHERE region = 'a*:b[{'").await;
        world.wait_until_relayed().await;
        world.add_row("user_credit_notes", None).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_row_of_a_type_of_another_build_waits_for_that_build() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        world.add_row("payment_history", Some("[1]")).await;
        world.add_row("payment_history", None).await;
        world.add_row("invoices", Some("[1]")).await;
        world.until_count("cache_invalidations WHERE relayed_at IS NOT NULL", 1).await;
        world.until_passes(3).await;
        let pending = world.column("SELECT cache_type FROM cache_invalidations WHERE relayed_at IS NULL").await;
        assert_eq!(pending, [Some("payment_history".to_owned()), Some("payment_history".to_owned())]);
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_row_without_a_key_clears_its_type_and_no_other() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        for invoice in 1..=3 {
            due(&service, invoice).await;
        }
        service.user_credit_notes(1).await.unwrap();
        world.add_row("invoices", None).await;
        until(async || !world.keys().iter().any(|key| key.starts_with("invoice"))).await;
        assert!(world.cached("user_credit_notes:1").is_some());
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn more_rows_than_are_worth_it_clear_the_type_and_are_all_marked() {
    for_each_world(async |world| {
        let mut settings = world.relay_settings();
        settings.relay.clear_type_above = 5;
        // All rows of one statement are old enough in the same look, or none is.
        settings.relay.grace_ms = 0;
        let service = world.relaying_with(&settings).await;
        due(&service, 3).await;
        service.user_credit_notes(1).await.unwrap();
        world.add_rows("invoices", Some("[1]"), 5).await;
        world.wait_until_relayed().await;
        assert!(world.cached("invoice:3").is_some(), "five rows are not more than five");
        world.add_rows("invoices", Some("[1]"), 6).await;
        world.wait_until_relayed().await;
        assert!(world.cached("invoice:3").is_none());
        assert!(world.cached("user_credit_notes:1").is_some());
        service.close().await;
    })
    .await;
}

/// Foreign keys, which a clear walks over too: it takes far longer than a look of the relay.
const FOREIGN_KEYS: &str = "for i = 1, 20000 do redis.call('SET', ARGV[1] .. i, '') end";

#[tokio::test]
async fn while_a_type_is_cleared_a_change_of_another_type_is_seen() {
    for_each_world(async |world| {
        let mut settings = world.relay_settings();
        settings.relay.clear_type_above = 5;
        settings.relay.grace_ms = 0;
        let service = world.relaying_with(&settings).await;
        due(&service, 3).await;
        service.user_credit_notes(1).await.unwrap();
        for block in 0..30 {
            let () = world.redis.command(&["EVAL", FOREIGN_KEYS, "0", &format!("foreign:{block}:")]).unwrap();
        }
        world.redis.reset_command_stats().unwrap();
        world.add_rows("invoices", Some("[1]"), 6).await;
        until(async || world.redis.calls("scan").unwrap() > 0).await;
        world.add_row("user_credit_notes", Some("[1]")).await;
        until(async || world.cached("user_credit_notes:1").is_none()).await;
        let left = world.count("cache_invalidations WHERE relayed_at IS NULL AND cache_type = 'invoices'").await;
        assert_eq!(left, 6, "the clear goes on beside it");
        world.wait_until_relayed().await;
        assert!(world.cached("invoice:3").is_none());
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_type_with_one_key_is_never_walked_for() {
    for_each_world(async |world| {
        let mut settings = world.relay_settings();
        settings.relay.clear_type_above = 5;
        let service = world.relaying_with(&settings).await;
        for (key_parts, count) in [(Some("[]"), 1_200), (None, 1), (Some("rubbish"), 1)] {
            service.active_discounts().await.unwrap();
            world.redis.reset_command_stats().unwrap();
            world.add_rows("active_discounts", key_parts, count).await;
            until(async || world.cached("active_discounts").is_none()).await;
            world.wait_until_relayed().await;
            assert_eq!(world.redis.calls("scan").unwrap(), 0);
        }
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn many_rows_of_one_key_count_once() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        world.redis.reset_command_stats().unwrap();
        world.add_rows("invoices", Some("[1]"), 400).await;
        world.wait_until_relayed().await;
        // PostgreSQL's rows differ a little in age, so that a look may see some of them.
        let told = world.redis.calls("unlink").unwrap();
        assert!((1..40).contains(&told), "{told}");
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_young_row_is_left_to_its_writer() {
    for_each_world(async |world| {
        let mut settings = world.relay_settings();
        settings.relay.grace_ms = 3_600_000;
        settings.redis.connect_timeout_ms = 1_000;
        let service = world.relaying_with(&settings).await;
        until_due_in_redis(&service, 2, 50).await;
        world.set_amount(2, 60).await;
        world.until_passes(5).await;
        assert_eq!(world.count("cache_invalidations WHERE relayed_at IS NOT NULL").await, 0);
        assert!(world.cached("invoice:2").is_some());
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn rows_that_wait_from_before_the_start_are_applied_before_redis_is_read() {
    for_each_world(async |world| {
        let process = world.process().await;
        due(&process, 2).await;
        world.set_amount(2, 60).await;
        assert_eq!(due(&process, 2).await.0, "50.00", "without a relay");
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 60).await;
        assert_eq!(due(&process, 2).await.0, "60.00");
        service.close().await;
    })
    .await;
}

/// A row that was applied so long ago, to this history; or one that was not.
async fn add_applied(world: &World, name: &str, cache_type: &str, age_seconds: i64, history: Option<&str>) {
    let at = (now() - TimeDelta::seconds(age_seconds)).format("%Y-%m-%d %H:%M:%S%.6f");
    let history = history.map_or("NULL".to_owned(), |history| format!("'{history}'"));
    let sql = format!(
        "INSERT INTO cache_invalidations (cache_type, key_parts, table_name, relayed_at, redis_history)
         VALUES ('{cache_type}', '[1]', '{name}', '{at}', {history})"
    );
    execute(&world.database, &sql).await;
}

#[tokio::test]
async fn only_what_no_replay_can_need_is_retired() {
    const DAY: i64 = 86_400;
    for_each_world(async |world| {
        let mut settings = world.settings();
        settings.relay.retention_margin_seconds = 900;
        // The Python processes still store invoices for five minutes.
        settings.cache.types.get_mut("invoices").unwrap().ttl_seconds = Some(10);
        settings.cache.types.get_mut("active_discounts").unwrap().ttl_seconds = Some(2 * 3_600);
        let process = world.process_with(settings.clone()).await;
        let today = world.history();
        let today = Some(today.as_str());
        for (name, cache_type, age_seconds, history) in [
            ("gone: invoice", "invoices", 1_300, today),
            ("gone: discounts", "active_discounts", 2 * 3_600 + 1_000, today),
            ("gone: rate", "tax_rates", DAY + 1_000, today),
            ("kept: within the margin", "invoices", 1_100, today),
            ("kept: within the ttl that is set", "active_discounts", 3_600 + 1_000, today),
            ("kept: rate", "tax_rates", DAY, today),
            ("kept: another history", "invoices", 30 * DAY, Some("another:history")),
            ("kept: no history", "invoices", 30 * DAY, None),
            ("kept: type of another build", "payment_history", 30 * DAY, today),
        ] {
            add_applied(world, name, cache_type, age_seconds, history).await;
        }
        world.add_row("invoices", Some("[1]")).await;
        let retired = outbox::retire(process.cache(), &settings.relay).await.unwrap();
        let left = world.column("SELECT table_name FROM cache_invalidations ORDER BY id").await;
        let left: Vec<_> = left.iter().map(|name| name.as_deref().unwrap()).collect();
        assert!(left.iter().all(|name| name.starts_with("kept") || *name == "test"), "{left:?}");
        assert_eq!((retired, left.len()), (3, 7));
        assert_eq!(outbox::retire(process.cache(), &settings.relay).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn marks_that_a_failover_left_are_taken_over_in_the_end() {
    for_each_world(async |world| {
        let history = world.history();
        let process = world.process().await;
        process.invoice_details(1).await.unwrap();
        let margin = i64::try_from(world.settings().relay.retention_margin_seconds).unwrap();
        let add = async |name, age| add_applied(world, name, "invoices", age, Some("another:history")).await;
        add("an old primary may still be in use", margin - 60).await;
        outbox::retire(process.cache(), &world.settings().relay).await.unwrap();
        assert!(world.cached("invoice:1").is_some());
        add("nobody uses it any more", margin + 60).await;
        outbox::retire(process.cache(), &world.settings().relay).await.unwrap();
        assert!(world.cached("invoice:1").is_none(), "applied once more");
        let taken_over = world.column("SELECT redis_history FROM cache_invalidations ORDER BY id DESC LIMIT 1").await;
        assert_eq!(taken_over, [Some(history)]);
        assert_eq!(world.count("cache_invalidations WHERE redis_history = 'another:history'").await, 1);
    })
    .await;
}

#[tokio::test]
async fn while_the_outbox_cannot_be_read_nothing_breaks_and_later_all_is_applied() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 50).await;
        execute(&world.database, "ALTER TABLE cache_invalidations RENAME TO elsewhere").await;
        world.until_passes(3).await;
        assert_eq!(due(&service, 2).await.0, "50.00");
        execute(&world.database, "ALTER TABLE elsewhere RENAME TO cache_invalidations").await;
        world.set_amount(2, 60).await;
        until_due(&service, 2, 60).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_closed_service_leaves_no_task_and_no_connection() {
    for_each_world(async |world| {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let mut settings = world.relay_settings();
        settings.cache.types.get_mut("active_discounts").unwrap().l1 = Some(true);
        settings.cache.counters_flush_ms = 1_000;
        let database = billing_outbox::database::Database::connect(&settings.database).await.unwrap();
        // The pool has tasks of its own.
        execute(&database, "SELECT 1").await;
        let before = tasks();
        let service = billing_core::service::BillingService::open(database.clone(), &settings).await.unwrap();
        done(service.process_payment(payment(1, "1", "t")).await);
        service.cache().get::<ActiveDiscounts>(&SingleKey).await.unwrap();
        assert!(tasks() > before);
        service.close().await;
        let left = async || tasks() <= before;
        let waited = tokio::time::timeout(Duration::from_secs(60), until(left)).await;
        assert!(waited.is_ok(), "{} tasks are left of {before}", tasks());
        let clients: String = world.redis.command(&["CLIENT", "LIST"]).unwrap();
        assert_eq!(clients.lines().count(), 1, "only the one that asks: {clients}");
        assert_eq!(world.count("cache_invalidations WHERE relayed_at IS NULL").await, 0, "what was written is marked");
        database.close().await.unwrap();
    })
    .await;
}
