//! Processes that relay, what they read, and what goes on around them.

use billing_cache::Tier;
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use test_support::{FaultProxy, eventually};

use crate::backends::execute;
use crate::commands::money;
use crate::world::{DEADLINE, World};

impl World {
    /// A relay that looks often, and a process that waits for it when it starts.
    pub(crate) fn relay_settings(&self) -> Settings {
        let mut settings = self.settings();
        settings.redis.connect_timeout_ms = 60_000;
        settings.redis.reconnect_max_ms = 100;
        settings.relay.poll_interval_ms = 50;
        settings.relay.grace_ms = 10;
        settings
    }

    /// The same over a wire that can fail.
    pub(crate) fn relay_settings_over(&self, wire: &FaultProxy) -> Settings {
        let mut settings = self.relay_settings();
        settings.redis.port = wire.port();
        settings
    }

    pub(crate) async fn relaying(&self) -> BillingService {
        self.relaying_with(&self.relay_settings()).await
    }

    pub(crate) async fn relaying_with(&self, settings: &Settings) -> BillingService {
        let database = Database::connect(&settings.database).await.unwrap();
        BillingService::open(database, settings).await.unwrap()
    }

    /// What the Redis of this world tells of its history.
    pub(crate) fn history(&self) -> String {
        let run_id = &self.redis.info("server").unwrap()["run_id"];
        let replication_id = &self.redis.info("replication").unwrap()["master_replid"];
        // Whoever looks first sets one.
        let data = "billing_cache:{database}:data";
        let _: redis::Value = self.redis.command(&["SET", data, "0123456789abcdef", "NX", "EX", "3600"]).unwrap();
        let data_id = self.cached(data).unwrap();
        format!("{run_id}:{replication_id}:{data_id}")
    }

    /// Changes an invoice as another program does.
    pub(crate) async fn set_amount(&self, invoice: i32, amount: u32) {
        execute(&self.database, &format!("UPDATE invoices SET amount = {amount} WHERE id = {invoice}")).await;
    }

    /// A row of the outbox, as the triggers write it.
    pub(crate) async fn add_row(&self, cache_type: &str, key_parts: Option<&str>) {
        self.add_rows(cache_type, key_parts, 1).await;
    }

    pub(crate) async fn add_rows(&self, cache_type: &str, key_parts: Option<&str>, count: usize) {
        let key_parts = key_parts.map_or("NULL".to_owned(), |parts| format!("'{parts}'"));
        let row = format!("('{cache_type}', {key_parts}, 'test')");
        let rows = vec![row; count].join(", ");
        execute(
            &self.database,
            &format!("INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES {rows}"),
        )
        .await;
    }

    pub(crate) async fn until_count(&self, table: &str, expected: u64) {
        let counted = || async {
            let count = self.count(table).await;
            if count == expected { Ok(()) } else { Err(format!("{count} {table}, not {expected}")) }
        };
        eventually(DEADLINE, counted).await.unwrap();
    }

    /// Waits until the relays have asked Redis for its history so often once more: each pass begins with that.
    pub(crate) async fn until_passes(&self, passes: u64) {
        let asked = || self.redis.command_stats().unwrap().get("info").map_or(0, |stats| stats.calls);
        // Each look is one more.
        let (before, mut looks) = (asked(), 0);
        loop {
            looks += 1;
            if asked() >= before + passes + looks {
                return;
            }
            assert!(looks < 6_000, "the relay does not look");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

/// What is due on an invoice of this amount, and where the answer came from.
pub(crate) async fn due(service: &BillingService, invoice: i32) -> (String, Tier) {
    let read = service.invoice_details(invoice).await.unwrap();
    (read.value.unwrap().balance_due.to_string(), read.tier)
}

/// Waits until a process reads this, whatever it read before.
pub(crate) async fn until_due(service: &BillingService, invoice: i32, amount: u32) {
    let expected = money(&amount.to_string()).to_string();
    let seen = || async {
        let (seen, tier) = due(service, invoice).await;
        if seen == expected { Ok(()) } else { Err(format!("{seen} from {tier:?}")) }
    };
    eventually(DEADLINE, seen).await.unwrap();
}

/// Waits until a process reads this out of Redis, and never reads anything else.
pub(crate) async fn until_due_in_redis(service: &BillingService, invoice: i32, amount: u32) {
    let expected = money(&amount.to_string()).to_string();
    let in_redis = || async {
        let (seen, tier) = due(service, invoice).await;
        assert_eq!(seen, expected, "from {tier:?}");
        tier == Tier::L2
    };
    eventually(DEADLINE, in_redis).await.unwrap();
}

/// Waits until something holds.
pub(crate) async fn until(probe: impl AsyncFn() -> bool) {
    eventually(DEADLINE, || probe()).await.unwrap();
}
