//! Separate connections to one server, for operations that must not delay reads.
//!
//! Used by the link to connect, and by scans and tools.

use std::future::Future;
use std::time::Duration;

use deadpool_redis::{Manager, Pool, PoolError, Runtime, TimeoutType};
use redis::{AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, FromRedisValue, Pipeline, RedisResult};

use crate::connection::error::{L2Error, timeout_of};
use crate::declaration::settings::RedisSettings;

/// A pool of connections to one server.
pub(super) struct Pooled {
    pool: Pool,
    pub(super) server: ConnectionAddr,
}

impl Pooled {
    /// A pool without connections yet.
    pub(super) fn new(server: ConnectionAddr, info: ConnectionInfo, settings: &RedisSettings) -> Result<Self, L2Error> {
        Ok(Self { pool: pool(info, settings)?, server })
    }

    pub(super) async fn checkout(&self) -> Result<deadpool_redis::Connection, PoolError> {
        self.pool.get().await
    }
}

/// Whether no connection can be made. A pool whose connections are all in use does not count.
pub(super) fn is_of_server(error: &PoolError) -> bool {
    matches!(error, PoolError::Backend(_) | PoolError::Timeout(TimeoutType::Create))
}

fn pool(info: ConnectionInfo, settings: &RedisSettings) -> Result<Pool, L2Error> {
    // The limits of single commands are set where they are sent, so that each wait has one limit.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(settings.connect_timeout()))
        .set_response_timeout(None);
    let manager = Manager::new_with_config(info, config)?;
    let limit = Some(settings.connect_timeout());
    let pool = Pool::builder(manager)
        .max_size(settings.pool_size.max(1))
        .wait_timeout(limit)
        .create_timeout(limit)
        .recycle_timeout(Some(settings.command_timeout()))
        .runtime(Runtime::Tokio1)
        .build();
    Ok(pool.expect("a runtime is set, the only thing build can miss"))
}

/// A connection from the pool, which returns there when it is dropped.
pub(crate) struct OwnConnection {
    pub(super) connection: deadpool_redis::Connection,
    pub(super) limit: Duration,
}

impl OwnConnection {
    /// The same connection, with another limit for each answer.
    pub(crate) fn with_limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Runs one command under the batch limit.
    pub(crate) async fn command<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, L2Error> {
        limited(self.limit, command.query_async(&mut self.connection)).await
    }

    /// Runs one pipeline under the batch limit.
    pub(crate) async fn pipeline<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<T, L2Error> {
        limited(self.limit, pipeline.query_async(&mut self.connection)).await
    }
}

async fn limited<T>(limit: Duration, answer: impl Future<Output = RedisResult<T>>) -> Result<T, L2Error> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(timeout_of(limit)),
    }
}
