//! The handle that an operation gets on the shared connection.
//!
//! Invariant: nothing is sent twice, and in a cluster each command to a slot that is on its way is announced by
//! `ASKING`. Made by a link for one operation.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisResult, Value};

/// A handle on the shared connection, and what is known about the server behind it.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) connection: MultiplexedConnection,
    /// The run id of the server, if it tells.
    pub(crate) run_id: Option<Arc<str>>,
    /// Whether each command is to be announced by `ASKING`: its key is on the way to this server.
    pub(super) asking: bool,
}

impl Wire {
    /// The same, for keys that are on the way to this server.
    pub(crate) fn asking(mut self) -> Self {
        self.asking = true;
        self
    }

    /// Sends one command.
    pub(crate) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        if !self.asking {
            return command.query_async(&mut self.connection).await;
        }
        // With an answer of its own: the error of a whole pipeline has lost its code, and where it sends one to.
        let answer = self.query_each([command.clone()]).await?.pop().unwrap_or(Ok(Value::Nil));
        Ok(redis::from_redis_value(answer?)?)
    }

    /// Sends several commands at once; each has an answer of its own.
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
