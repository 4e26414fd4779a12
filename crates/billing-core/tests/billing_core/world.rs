//! A billing installation of one's own: a database, a Redis, and as many processes over both as a test wants.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use billing_core::cached::{self, open_cache};
use billing_core::migration::migrate;
use billing_core::service::BillingService;
use billing_core::settings::Settings;
use billing_outbox::database::Database;
use test_support::{RedisServer, TestDatabase, eventually};

use crate::backends::{connect, execute, texts};

/// Longer than anything takes on a slow machine; a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A migrated database and an empty Redis.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) redis: RedisServer,
    pub(crate) url: String,
}

/// Runs the test over an empty database of each backend and an empty Redis.
pub(crate) async fn for_each_empty_world(test: impl AsyncFn(&World)) {
    for owned in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
        println!("on {}", owned.backend_name());
        let world = World::over(&owned).await;
        test(&world).await;
        world.database.close().await.unwrap();
        owned.drop_database().await.unwrap();
    }
}

/// Runs the test over a database with [`ROWS`].
pub(crate) async fn for_each_world(test: impl AsyncFn(&World)) {
    for_each_empty_world(async |world| {
        execute(&world.database, ROWS).await;
        test(world).await;
    })
    .await;
}

impl World {
    pub(crate) async fn over(owned: &TestDatabase) -> Self {
        let database = connect(owned).await;
        migrate(&database, &cached::declarations()).await.unwrap();
        Self { database, redis: RedisServer::start().unwrap(), url: owned.url().to_owned() }
    }

    /// The defaults with limits that a slow machine keeps, without L1, and with no commands but those the test causes.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::defaults();
        settings.redis.host = "127.0.0.1".to_owned();
        settings.redis.port = self.redis.port();
        settings.redis.command_timeout_ms = 2_000;
        settings.redis.batch_timeout_ms = 5_000;
        settings.database = Settings::database_at(&self.url);
        settings.database.acquire_timeout_ms = 30_000;
        settings.database.busy_timeout_ms = 30_000;
        settings.cache.load_deadline_ms = 20_000;
        settings.cache.lease_ttl_ms = 30_000;
        settings.cache.patience_ms = 20_000;
        settings.cache.invalidation_deadline_ms = 10_000;
        settings.cache.counters_flush_ms = 0;
        for cached in settings.cache.types.values_mut() {
            cached.l1 = Some(false);
        }
        settings
    }

    /// One more process.
    pub(crate) async fn process(&self) -> BillingService {
        self.process_with(self.settings()).await
    }

    pub(crate) async fn process_with(&self, settings: Settings) -> BillingService {
        let database = Database::connect(&settings.database).await.unwrap();
        BillingService::without_relay(open_cache(database, &settings.redis, settings.cache).await.unwrap())
    }

    /// What stands under a key in Redis.
    pub(crate) fn cached(&self, key: &str) -> Option<String> {
        self.redis.command(&["GET", key]).unwrap()
    }

    /// Every key in Redis, whoever made it, but for the mark of the database that services keep.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        let keys: BTreeSet<String> = self.redis.command(&["KEYS", "*"]).unwrap();
        keys.into_iter().filter(|key| !key.starts_with("billing_cache:{database}:")).collect()
    }

    /// The first column of a query, which is text.
    pub(crate) async fn column(&self, sql: &str) -> Vec<Option<String>> {
        texts(&self.database, sql, 1).await.into_iter().map(|mut row| row.remove(0)).collect()
    }

    /// How many rows there are: `count("payments WHERE amount > 1")`.
    pub(crate) async fn count(&self, table: &str) -> u64 {
        let counted = self.column(&format!("SELECT CAST(count(*) AS TEXT) FROM {table}")).await;
        counted[0].as_ref().unwrap().parse().unwrap()
    }

    /// Waits until every row of the outbox is marked with the history it was relayed to.
    pub(crate) async fn wait_until_relayed(&self) {
        let left = || async {
            match self.count("cache_invalidations WHERE relayed_at IS NULL OR redis_history IS NULL").await {
                0 => Ok(()),
                left => Err(format!("{left} rows are not marked")),
            }
        };
        eventually(DEADLINE, left).await.unwrap();
        let history = self.column("SELECT DISTINCT redis_history FROM cache_invalidations").await;
        let run_id = &self.redis.info("server").unwrap()["run_id"];
        for history in history.iter().flatten() {
            assert!(history.starts_with(run_id.as_str()), "{history} is not of the server {run_id}");
        }
    }

    /// Waits until every row is marked. Rows that name no key need no Redis, and carry no history.
    pub(crate) async fn wait_until_relayed_but_for_history(&self) {
        let all_marked = || async { self.count("cache_invalidations WHERE relayed_at IS NULL").await == 0 };
        eventually(DEADLINE, all_marked).await.unwrap();
    }

    /// Every cached value in Redis, by key.
    pub(crate) fn all_cached(&self) -> BTreeMap<String, String> {
        self.keys().into_iter().map(|key| (key.clone(), self.cached(&key).unwrap())).collect()
    }
}

/// Ann (1) has open, paid and cancelled invoices, bob (2) an open one, cyd (3) nothing. Ids are those the tables give,
/// so that later rows get the next ones.
pub(crate) const ROWS: &str = "
INSERT INTO users (username, email, hashed_password) VALUES ('ann', 'a@x', 'x'), ('bob', 'b@x', 'x'), ('cyd', 'c@x', 'x');
INSERT INTO invoices (user_id, amount, status, due_date) VALUES
    (1, 100, 'unpaid', '2099-01-01 00:00:00'),
    (2, 50, 'unpaid', '2099-01-01 00:00:00'),
    (1, 80, 'paid', '2099-01-01 00:00:00'),
    (1, 70, 'cancelled', '2099-01-01 00:00:00');
INSERT INTO discounts (name, discount_type, value, is_percentage, is_active, valid_from, valid_to) VALUES
    ('Ten percent', 'loyalty', 10, TRUE, TRUE, '2020-01-01 00:00:00', NULL),
    ('Five off', 'loyalty', 5, FALSE, TRUE, '2020-01-01 00:00:00', '2098-01-01 00:00:00'),
    ('Ended', 'seasonal', 5, FALSE, TRUE, '2020-01-01 00:00:00', '2021-01-01 00:00:00'),
    ('Not yet', 'seasonal', 5, FALSE, TRUE, '2098-01-01 00:00:00', NULL),
    ('Off', 'seasonal', 5, FALSE, FALSE, '2020-01-01 00:00:00', NULL),
    ('Huge', 'goodwill', 1000, FALSE, TRUE, '2020-01-01 00:00:00', NULL);
INSERT INTO tax_rates (name, rate, country, region, is_default) VALUES
    ('VAT', 20, 'GB', NULL, TRUE),
    ('Sales tax', 7.25, 'US', 'CA', TRUE),
    ('Reduced VAT', 5, 'GB', NULL, FALSE);
INSERT INTO credit_notes (user_id, amount, remaining_amount, reason, status) VALUES
    (1, 30, 30, 'outage', 'issued'),
    (2, 20, 20, 'outage', 'issued'),
    (1, 10, 0, 'outage', 'applied'),
    (1, 15, 15, 'mistake', 'cancelled');
DELETE FROM cache_invalidations;
";
