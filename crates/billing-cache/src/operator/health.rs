//! The health check of Redis, which bypasses the breaker.
//!
//! Used by `cache-admin doctor`.

use super::health_check::{self, Examination};
use super::rights::{self, AclRule};
use crate::connection::cluster::ClusterFacts;
use crate::connection::error::{L2Error, RedisUnreachable};
use crate::declaration::cached_type::Source;
use crate::read::cache::Cache;

impl<S: Source> Cache<S> {
    /// Checks every primary on separate connections: version, memory, rights, invalidation messages, scripts, latency,
    /// clock. If there is a single server, a replica is checked too. Each check takes a few dozen round trips, and
    /// writes one probe key, which is removed at once.
    ///
    /// # Errors
    /// A server cannot be reached at all. The result is never empty.
    pub async fn examine_redis(&self) -> Result<Vec<Examination>, RedisUnreachable> {
        let shared = self.shared();
        let layout = shared.shards.layout();
        let mut examinations = Vec::with_capacity(layout.links().len());
        for (link, tag) in layout.tagged() {
            let mut connection = link.own_connection().await?;
            health_check::greet(&mut connection).await.map_err(|error| link.unreachable(error))?;
            examinations.push(health_check::examine(&mut connection, shared, link, tag).await);
        }
        if examinations.is_empty() {
            shared.shards.check().await?;
            return Err(shared.shards.unreachable(L2Error::Away));
        }
        Ok(examinations)
    }

    /// What the nodes report about the cluster: primaries and replicas, and whether all slots have a primary; `None`
    /// for a single server.
    ///
    /// # Errors
    /// No node in the settings answers.
    pub async fn examine_cluster(&self) -> Result<Option<ClusterFacts>, RedisUnreachable> {
        let shards = &self.shared().shards;
        shards.cluster_facts().await.map_err(|error| shards.unreachable(error))
    }

    /// The ACL rules of the Redis user with the fewest rights that services and tools can work with: `+get`, …,
    /// `~invoice:*`, ….
    #[must_use]
    pub fn smallest_acl_rules(&self) -> Vec<AclRule> {
        rights::smallest_rules(self.shared())
    }
}
