//! Many rows of one type at once: what the relay needs for them by single invalidations and by one clear of the type,
//! which says where `relay.clear_type_above` should be; and how soon one more change is applied beside them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use billing_outbox::outbox::{self, Relay, RelaySettings};
use redis::aio::MultiplexedConnection;
use sea_orm::ConnectionTrait;
use test_support::rounds;

use crate::reads::raw_connection;

const ROUNDS: usize = 5;
/// In Redis, of the type.
const KEYS: u32 = 100_000;
const CHANGED: [u32; 3] = [2_000, 10_000, 50_000];
/// Invoices that a bulk change touches, and those of one of its statements.
const BULK: u32 = 30_000;
const STATEMENT: u32 = 5_000;
/// Of a small invoice.
const VALUE_BYTES: usize = 400;
const PIPELINE: u32 = 1_000;
const POLL: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(120);

/// What is changed beside the bulk: a word for it, its key, and how.
const SINGLES: [(&str, &str, &str); 2] = [
    ("another invoice", "invoice:30001", "UPDATE invoices SET amount = amount + 1 WHERE id = 30001"),
    ("a credit note", "user_credit_notes:1", "UPDATE credit_notes SET amount = amount + 1 WHERE user_id = 1"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Bulk,
    Nothing,
}

/// What the parts share.
struct Bench<'a> {
    service: &'a BillingService,
    relay: &'a RelaySettings,
    redis: MultiplexedConnection,
}

pub(crate) async fn changes(service: &BillingService, settings: &Settings) -> anyhow::Result<()> {
    let bench = Bench { service, relay: &settings.relay, redis: raw_connection(settings).await? };
    for changed in CHANGED {
        let clear = async |_: usize| bench.relay_rows(changed, 1).await;
        let singly = async |_: usize| bench.relay_rows(changed, u64::from(u32::MAX)).await;
        let work = format!("{changed} changed rows of one type by one clear of {KEYS} keys");
        rounds::run_timed(ROUNDS, clear, singly).await?.print(&work, "single invalidations", changed);
    }
    bench.add_rows().await?;
    let relay = Relay::start(service.cache().clone(), settings.relay.clone());
    relay.caught_up().await;
    for (what, key, update) in SINGLES {
        let beside = async |_: usize| bench.until_applied(key, update, Beside::Bulk).await;
        let alone = async |_: usize| bench.until_applied(key, update, Beside::Nothing).await;
        let work = format!("{what} by SQL beside {BULK} invoices, until it is applied");
        rounds::run_timed(ROUNDS, beside, alone).await?.print(&work, "the same alone", 1);
    }
    relay.close().await;
    Ok(())
}

impl Bench<'_> {
    /// How long a relay that starts over so many rows is at work until it is at rest.
    async fn relay_rows(&self, changed: u32, clear_type_above: u64) -> anyhow::Result<Duration> {
        self.fill_redis().await?;
        self.execute("DELETE FROM cache_invalidations").await?;
        self.execute(&format!(
            "INSERT INTO cache_invalidations (cache_type, key_parts, table_name) \
             WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {changed}) \
             SELECT 'invoices', '[' || id || ']', 'bench' FROM n"
        ))
        .await?;
        let settings = RelaySettings { clear_type_above, ..self.relay.clone() };
        let started = Instant::now();
        let relay = Relay::start(self.service.cache().clone(), settings);
        relay.caught_up().await;
        let took = started.elapsed();
        relay.close().await;
        ensure!(self.pending().await? == 0, "rows are pending after the relay was at rest");
        Ok(took)
    }

    /// Invoices for the bulk and one more, and a credit note.
    async fn add_rows(&self) -> anyhow::Result<()> {
        self.execute(&format!(
            "INSERT INTO invoices (id, user_id, amount, status, due_date) \
             WITH RECURSIVE n (id) AS (SELECT 10001 UNION ALL SELECT id + 1 FROM n WHERE id <= {BULK}) \
             SELECT id, 1, 100, 'unpaid', '2099-01-01 00:00:00.000000' FROM n"
        ))
        .await?;
        let note = "INSERT INTO credit_notes (user_id, amount, remaining_amount, reason) VALUES (1, 5, 5, 'bench')";
        self.execute(note).await
    }

    /// From the end of the update until its key is gone from Redis.
    async fn until_applied(&self, key: &str, update: &str, beside: Beside) -> anyhow::Result<Duration> {
        self.fill_redis().await?;
        redis::cmd("SET").arg(key).arg("[]").exec_async(&mut self.redis.clone()).await?;
        if beside == Beside::Bulk {
            for first in (1..BULK).step_by(STATEMENT as usize) {
                let last = first + STATEMENT - 1;
                self.execute(&format!("UPDATE invoices SET amount = amount + 1 WHERE id BETWEEN {first} AND {last}"))
                    .await?;
            }
        }
        self.execute(update).await?;
        let started = Instant::now();
        while redis::cmd("EXISTS").arg(key).query_async(&mut self.redis.clone()).await? {
            ensure!(started.elapsed() < PATIENCE, "{key} is still there");
            tokio::time::sleep(POLL).await;
        }
        let took = started.elapsed();
        while self.pending().await? > 0 {
            ensure!(started.elapsed() < PATIENCE, "rows are still pending");
            tokio::time::sleep(POLL).await;
        }
        Ok(took)
    }

    async fn fill_redis(&self) -> anyhow::Result<()> {
        let value = "x".repeat(VALUE_BYTES);
        for first in (1..=KEYS).step_by(PIPELINE as usize) {
            let mut pipeline = redis::pipe();
            for id in first..first + PIPELINE {
                pipeline.cmd("SET").arg(format!("invoice:{id}")).arg(&value).ignore();
            }
            let () = pipeline.query_async(&mut self.redis.clone()).await?;
        }
        Ok(())
    }

    async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        self.service.cache().source().connection().execute_unprepared(sql).await?;
        Ok(())
    }

    async fn pending(&self) -> anyhow::Result<u64> {
        Ok(outbox::waiting(self.service.cache()).await?.rows)
    }
}
