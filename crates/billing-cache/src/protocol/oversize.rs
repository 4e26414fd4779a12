//! Values that are too large to be read in time: a foreign hand put them under our keys, since FILL stores none.
//!
//! Invariants: asked after a read that timed out, by STRLEN, which costs the server nothing; at most once a second a
//! link, so that a server that hangs is not asked more; on a connection of its own, because the shared one may still be
//! busy with the value. What is too large is removed together with its lease, unread, and the next reader loads.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{Cmd, RedisResult, Value};
use tracing::{debug, warn};

use super::invalidate::unlink;
use crate::connection::error::L2Error;
use crate::connection::link::{Link, LinkId};
use crate::connection::shards::Shards;

/// Removes those of these keys, which could not be read in time, that hold more than `cache.max_value_bytes`.
pub(crate) async fn remove(shards: Arc<Shards>, keys: Vec<String>, max_value_bytes: u64) {
    let mut by_link: HashMap<LinkId, (Arc<Link>, Vec<String>)> = HashMap::new();
    for key in keys {
        if let Ok(link) = shards.link_of(&key) {
            by_link.entry(link.id()).or_insert_with(|| (link, Vec::new())).1.push(key);
        }
    }
    for (link, keys) in by_link.into_values().filter(|(link, _)| link.may_weigh()) {
        if let Err(error) = remove_on(&link, &keys, max_value_bytes).await {
            debug!(endpoint = link.endpoint(), %error, "the sizes of values were not asked");
        }
    }
}

async fn remove_on(link: &Link, keys: &[String], max_value_bytes: u64) -> Result<(), L2Error> {
    let connection = link.own_connection().await.map_err(|error| error.source)?;
    // Patient: server and network are busy with what is too large.
    let mut connection = connection.with_limit(link.connect_limit());
    let sizes: Vec<RedisResult<Value>> = connection.pipeline(&pipeline_of(keys.iter().map(|key| strlen(key)))).await?;
    let size_of = |size: &RedisResult<Value>| if let Ok(Value::Int(bytes)) = size { *bytes } else { 0 };
    let sized = keys.iter().zip(sizes.iter().map(size_of));
    let too_large: Vec<(&String, i64)> =
        sized.filter(|(_, bytes)| u64::try_from(*bytes).is_ok_and(|bytes| bytes > max_value_bytes)).collect();
    if too_large.is_empty() {
        return Ok(());
    }
    let _: Vec<RedisResult<Value>> =
        connection.pipeline(&pipeline_of(too_large.iter().map(|(key, _)| unlink(key)))).await?;
    for (key, bytes) in too_large {
        warn!(key, bytes, "a value larger than cache.max_value_bytes could not be read in time, and was removed");
    }
    Ok(())
}

/// Each command has an answer of its own: a key of another kind is no failure of the others.
fn pipeline_of(commands: impl Iterator<Item = Cmd>) -> redis::Pipeline {
    let mut pipeline = crate::protocol::script::pipeline_of(commands);
    pipeline.ignore_errors();
    pipeline
}

fn strlen(key: &str) -> Cmd {
    let mut command = redis::cmd("STRLEN");
    command.arg(key);
    command
}
