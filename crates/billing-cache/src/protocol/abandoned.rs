//! Abandoned leases: leases whose ACQUIRE no task waits for any more.
//!
//! An ACQUIRE that took too long, or whose caller was dropped, may still be granted when Redis continues. Other readers
//! would then wait for a load that never begins, until the lease ends. So a RELEASE is sent after it on the same
//! connection. This is sound at any moment: RELEASE does what the end of a lease does, and only to the lease with its
//! own token.
//!
//! Used by ACQUIRE.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tracing::debug;

use super::lease::{Lease, Token};
use super::release::release_command;
use super::script::pipeline_of;

/// Leases that were asked for. If this is dropped before [`answered`](Self::answered), it gives them back.
pub(super) struct Asked {
    connection: MultiplexedConnection,
    leases: Vec<Lease>,
    /// The leases have ended by themselves after this time, unless Redis still hangs.
    lease_ttl: Duration,
}

impl Asked {
    pub(super) fn for_one(connection: MultiplexedConnection, key: &str, token: &Token, lease_ttl: Duration) -> Self {
        Self::for_many(connection, &[key], std::slice::from_ref(token), lease_ttl)
    }

    pub(super) fn for_many(
        connection: MultiplexedConnection,
        keys: &[&str],
        tokens: &[Token],
        lease_ttl: Duration,
    ) -> Self {
        let lease = |(key, token): (&&str, &Token)| Lease { key: (*key).to_owned(), token: token.clone() };
        Self { connection, leases: keys.iter().zip(tokens).map(lease).collect(), lease_ttl }
    }

    /// Nothing is to be given back: the caller knows which leases it holds, or the connection broke and nothing can be
    /// sent.
    pub(super) fn answered(mut self) {
        self.leases.clear();
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and its leases end by themselves.
        let (false, Ok(runtime)) = (self.leases.is_empty(), tokio::runtime::Handle::try_current()) else { return };
        let release = pipeline_of(self.leases.iter().map(release_command));
        let (mut connection, limit) = (self.connection.clone(), self.lease_ttl);
        runtime.spawn(async move {
            match tokio::time::timeout(limit, release.exec_async(&mut connection)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(%error, "leases are left to expire"),
                Err(_) => debug!("leases are left to expire: Redis does not answer"),
            }
        });
    }
}
