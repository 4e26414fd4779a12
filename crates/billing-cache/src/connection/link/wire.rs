//! The handle on the shared connection that an operation receives.
//!
//! Invariant: nothing is sent twice. In a cluster each command for a migrating slot is preceded by `ASKING`. A link
//! makes one handle for each operation.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisResult, Value};

/// A handle on the shared connection, with what is known about the server behind it.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) connection: MultiplexedConnection,
    /// The run id of the server, if it reports one.
    pub(crate) run_id: Option<Arc<str>>,
    /// Whether each command is preceded by `ASKING`, because its key migrates to this server.
    pub(super) asking: bool,
}

impl Wire {
    /// The same handle, for keys that migrate to this server.
    pub(crate) fn asking(mut self) -> Self {
        self.asking = true;
        self
    }

    /// Sends one command.
    pub(crate) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        if !self.asking {
            return command.query_async(&mut self.connection).await;
        }
        // Sent as a pipeline whose commands have separate answers: the error of a whole pipeline has lost its code and
        // its redirection.
        let answer = self.query_each([command.clone()]).await?.pop().unwrap_or(Ok(Value::Nil));
        Ok(redis::from_redis_value(answer?)?)
    }

    /// Sends several commands at once; each has a separate answer.
    pub(crate) async fn query_each(
        &mut self,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> RedisResult<Vec<RedisResult<Value>>> {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for command in commands {
            if self.asking {
                pipeline.cmd("ASKING").ignore();
            }
            pipeline.add_command(command);
        }
        pipeline.query_async(&mut self.connection).await
    }
}
