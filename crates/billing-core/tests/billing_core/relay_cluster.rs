//! The relay over a Redis Cluster: each row is told to the shard that has its key, and marked with the history of that.

use std::collections::BTreeMap;

use billing_cache::Tier;
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use test_support::{RedisCluster, RedisOptions, RedisServer};

use crate::backends::{execute, texts};
use crate::relaying::{due, until, until_due, until_due_in_redis};
use crate::world::{World, for_each_world};

const INVOICES: std::ops::RangeInclusive<i32> = 1..=12;

/// Three masters, and a process that relays to them.
struct Stage<'a> {
    world: &'a World,
    cluster: RedisCluster,
    service: BillingService,
}

impl<'a> Stage<'a> {
    async fn of(world: &'a World) -> Self {
        let owner = "(1, 50, 'unpaid', '2099-01-01 00:00:00')";
        let rows = [owner; 12].join(", ");
        execute(&world.database, &format!("INSERT INTO invoices (user_id, amount, status, due_date) VALUES {rows}"))
            .await;
        execute(&world.database, "UPDATE invoices SET amount = 50, status = 'unpaid'").await;
        let cluster = RedisCluster::start_masters(&RedisOptions::default(), 3).unwrap();
        let service = world.relaying_with(&settings(world, &cluster)).await;
        Self { world, cluster, service }
    }

    fn owner(&self, invoice: i32) -> &RedisServer {
        self.cluster.owner_of(&format!("invoice:{invoice}")).unwrap()
    }

    /// An invoice on this master, and one that is not.
    fn one_on_and_one_off(&self, master: &RedisServer) -> (i32, i32) {
        let is_on = |invoice: &i32| self.owner(*invoice).port() == master.port();
        (INVOICES.into_iter().find(is_on).unwrap(), INVOICES.into_iter().find(|invoice| !is_on(invoice)).unwrap())
    }

    /// The history in the newest mark of each invoice.
    async fn marks(&self) -> BTreeMap<i32, String> {
        let sql = "SELECT key_parts, redis_history FROM cache_invalidations
                   WHERE cache_type = 'invoices' AND key_parts IS NOT NULL AND relayed_at IS NOT NULL ORDER BY id";
        let rows = texts(&self.world.database, sql, 2).await;
        let mark = |row: &Vec<Option<String>>| {
            Some((row[0].as_ref()?.trim_matches(['[', ']']).parse().ok()?, row[1].clone().unwrap_or_default()))
        };
        rows.iter().filter_map(mark).collect()
    }
}

fn settings(world: &World, cluster: &RedisCluster) -> Settings {
    let mut settings = world.relay_settings();
    settings.redis.cluster_nodes = cluster.nodes();
    settings.redis.connect_timeout_ms = 5_000;
    settings.cache.invalidation_deadline_ms = 2_000;
    settings
}

fn run_id(server: &RedisServer) -> String {
    server.info("server").unwrap()["run_id"].clone()
}

#[tokio::test]
async fn each_row_is_marked_with_the_history_of_the_shard_that_has_its_key() {
    for_each_world(async |world| {
        let stage = Stage::of(world).await;
        for invoice in INVOICES {
            until_due_in_redis(&stage.service, invoice, 50).await;
            world.set_amount(invoice, 60).await;
        }
        for invoice in INVOICES {
            until_due(&stage.service, invoice, 60).await;
        }
        world.until_count("cache_invalidations WHERE redis_history IS NULL", 0).await;
        for (invoice, history) in stage.marks().await {
            assert!(history.starts_with(&run_id(stage.owner(invoice))), "{invoice}: {history}");
        }
        stage.service.close().await;
    })
    .await;
}

#[tokio::test]
async fn rows_of_a_master_that_is_away_wait_for_it_and_keep_no_other_waiting() {
    for_each_world(async |world| {
        let stage = Stage::of(world).await;
        let away = stage.cluster.masters().unwrap()[0];
        let (on, off) = stage.one_on_and_one_off(away);
        for invoice in [on, off] {
            until_due_in_redis(&stage.service, invoice, 50).await;
        }
        world.until_count("cache_invalidations WHERE relayed_at IS NULL", 0).await;
        away.kill().unwrap();
        until(async || due(&stage.service, on).await.1 == Tier::Bypassed).await;
        // The one that cannot be told comes first.
        for invoice in [on, off] {
            world.set_amount(invoice, 60).await;
        }
        until_due(&stage.service, off, 60).await;
        until_due_in_redis(&stage.service, off, 60).await;
        until_due(&stage.service, on, 60).await;
        let of_that_master = format!("cache_invalidations WHERE relayed_at IS NULL AND key_parts = '[{on}]'");
        assert!(world.count(&of_that_master).await > 0);
        away.restart().unwrap();
        until_due_in_redis(&stage.service, on, 60).await;
        world.until_count("cache_invalidations WHERE relayed_at IS NULL", 0).await;
        stage.service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_process_that_starts_while_a_master_is_away_uses_the_others() {
    for_each_world(async |world| {
        let stage = Stage::of(world).await;
        // Not that of the mark: nothing is read by who has not seen it.
        let of_mark = stage.cluster.owner_of("{database}").unwrap().port();
        let away = stage.cluster.masters().unwrap().into_iter().find(|master| master.port() != of_mark).unwrap();
        let (on, off) = stage.one_on_and_one_off(away);
        away.kill().unwrap();
        world.set_amount(on, 60).await;
        let started = world.relaying_with(&settings(world, &stage.cluster)).await;
        until_due_in_redis(&started, off, 50).await;
        assert_eq!(due(&started, on).await, ("60.00".to_owned(), Tier::Bypassed));
        started.close().await;
        stage.service.close().await;
    })
    .await;
}

#[tokio::test]
async fn where_a_slot_has_moved_its_rows_are_told_to_the_new_master_and_carry_its_history() {
    for_each_world(async |world| {
        let stage = Stage::of(world).await;
        until_due_in_redis(&stage.service, 1, 50).await;
        world.set_amount(1, 60).await;
        until_due(&stage.service, 1, 60).await;
        world.until_count("cache_invalidations WHERE redis_history IS NULL", 0).await;
        let (old, masters) = (stage.owner(1).port(), stage.cluster.masters().unwrap());
        let new = masters.into_iter().find(|master| master.port() != old).unwrap();
        stage.cluster.move_slot(stage.cluster.slot_of("invoice:1").unwrap(), new).unwrap();
        let history = run_id(new);
        until(async || stage.marks().await[&1].starts_with(&history)).await;
        until_due_in_redis(&stage.service, 1, 60).await;
        stage.service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_row_without_a_key_clears_its_type_on_every_master_and_waits_for_one_that_is_away() {
    for_each_world(async |world| {
        let stage = Stage::of(world).await;
        let masters = stage.cluster.masters().unwrap();
        let away = masters[0];
        world.until_count("cache_invalidations WHERE relayed_at IS NULL", 0).await;
        for invoice in INVOICES {
            until_due_in_redis(&stage.service, invoice, 50).await;
        }
        world.add_row("invoices", None).await;
        let whole = "cache_invalidations WHERE key_parts IS NULL AND redis_history LIKE '3 shards:%'";
        world.until_count(whole, 1).await;
        let cached = |server: &RedisServer| server.command::<Vec<String>>(&["KEYS", "invoice:*"]).unwrap();
        assert!(masters.iter().all(|master| cached(master).is_empty()));
        away.kill().unwrap();
        let (on, _) = stage.one_on_and_one_off(away);
        until(async || due(&stage.service, on).await.1 == Tier::Bypassed).await;
        world.add_row("invoices", None).await;
        world.until_count("cache_invalidations WHERE relayed_at IS NULL", 1).await;
        away.restart().unwrap();
        world.until_count("cache_invalidations WHERE relayed_at IS NULL", 0).await;
        // Both rows are of a cluster that is another one now.
        world.until_count(whole, 2).await;
        stage.service.close().await;
    })
    .await;
}
