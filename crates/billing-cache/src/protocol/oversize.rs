//! Values that are too large to be read in time. Another program stored them under keys of this cache, because FILL
//! stores none of that size.
//!
//! Invariants: their size is checked after a read timed out, by STRLEN, which costs the server nothing. A link checks
//! at most once a second, so that a hanging server does not get more commands. The check uses a separate connection,
//! because the shared one may still be busy with the value. A value that is too large is removed unread together with
//! its lease, and the next reader loads.
//!
//! Started by reads that time out.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{Cmd, RedisResult, Value};
use tracing::{debug, warn};

use super::invalidate::unlink;
use crate::connection::error::L2Error;
use crate::connection::link::{Link, LinkId};
use crate::connection::shards::Shards;

/// Checks keys that could not be read in time, and removes those with more than `cache.max_value_bytes`.
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
    // A long limit: server and network are busy with the large value.
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

/// Each command has a separate answer: a key of another type does not make the others fail.
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
