//! A database of one's own with a few subscriptions, a Redis of one's own, and processes over both.

use std::time::Duration;

use billing_cache::Tier;
use billing_outbox::application::DatabaseCache;
use billing_outbox::database::Database;
use billing_outbox::outbox::{Relay, RelaySettings};
use sea_orm::ConnectionTrait;
use test_support::{RedisServer, TestDatabase};

use crate::subscriptions::{CustomerId, Subscriptions, defaults, migrated, open};

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// One database and one Redis.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) redis: RedisServer,
}

/// Runs the test on each database.
pub(crate) async fn for_each_world(test: impl AsyncFn(&World)) {
    for owned in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
        println!("on {}", owned.backend_name());
        let world = World { database: migrated(&owned).await, redis: RedisServer::start().unwrap() };
        world.execute("INSERT INTO subscriptions VALUES (1, 7, 'basic', 'active')").await;
        world.execute("DELETE FROM cache_invalidations").await;
        test(&world).await;
        world.database.close().await.unwrap();
        owned.drop_database().await.unwrap();
    }
}

impl World {
    /// A process.
    pub(crate) async fn cache(&self) -> DatabaseCache {
        open(&self.database, &self.redis).await
    }

    /// A relay that looks often.
    pub(crate) fn relay(&self, cache: &DatabaseCache) -> Relay {
        let settings = RelaySettings { poll_interval_ms: 50, grace_ms: 10, ..defaults("relay") };
        Relay::start(cache.clone(), settings)
    }

    /// A statement of another program.
    pub(crate) async fn execute(&self, sql: &str) {
        self.database.connection().execute_unprepared(sql).await.unwrap();
    }
}

/// Where the list of a customer came from, and its plans.
pub(crate) async fn plans(cache: &DatabaseCache, customer: i32) -> (Tier, Vec<String>) {
    let read = cache.get::<Subscriptions>(&CustomerId(customer)).await.unwrap();
    let plans = read.value.iter().flat_map(|list| list.iter().map(|subscription| subscription.plan.clone()));
    (read.tier, plans.collect())
}
