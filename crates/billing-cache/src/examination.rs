//! Examination: what a Redis is fit for, past the breaker.

use crate::cache::Cache;
use crate::cached_type::Source;
use crate::l2::error::RedisUnreachable;
use crate::l2::examination::{self, Examination};
use crate::l2::rights::{self, AclRule};

impl<S: Source> Cache<S> {
    /// Looks at the server on connections of its own: version, memory, rights, announcements, scripts, latency, clock. A
    /// replica is looked at too. Takes a few dozen round trips; writes one probe key, which is removed at once.
    ///
    /// # Errors
    /// Redis cannot be reached at all.
    pub async fn examine_redis(&self) -> Result<Examination, RedisUnreachable> {
        let shared = self.shared();
        let mut connection = shared.link.own_connection().await?;
        Ok(examination::examine(&mut connection, shared).await)
    }

    /// The ACL rules of the smallest Redis user that services and tools can work with: `+get`, …, `~invoice:*`, ….
    #[must_use]
    pub fn smallest_acl_rules(&self) -> Vec<AclRule> {
        rights::smallest_rules(self.shared())
    }
}
