//! Facts about the server from `INFO`; for a cluster, about all its primaries together.
//!
//! Used by the keyspace statistics, the health check and `cache-monitor`.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::connection::error::{L2Error, RedisUnreachable};
use crate::connection::info::{evicted_keys, info_field};
use crate::declaration::cached_type::Source;
use crate::read::cache::Cache;
use crate::read::shared::Shared;

/// Facts about the server from `INFO`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ServerInfo {
    /// The version, preceded by the name of the product if it is not Redis.
    pub version: String,
    /// `master` or `slave`, as in `INFO`.
    pub role: String,
    /// Memory used, in bytes.
    pub used_memory: u64,
    /// The largest amount of memory used so far, in bytes.
    pub used_memory_peak: u64,
    /// The limit in bytes; 0 for none.
    pub maxmemory: u64,
    /// The eviction policy at the limit.
    pub maxmemory_policy: String,
}

/// The memory of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryUse {
    /// Memory used, in bytes.
    pub used_bytes: u64,
    /// The limit in bytes; `None` if there is none.
    pub limit_bytes: Option<u64>,
    /// The eviction policy at the limit.
    pub policy: String,
    /// Keys evicted since its start, of any program.
    pub evicted_keys: u64,
}

impl<S: Source> Cache<S> {
    /// The memory that the server uses, and its limit.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn memory(&self) -> Result<MemoryUse, RedisUnreachable> {
        let infos = infos(self.shared()).await?;
        let ServerInfo { used_memory, maxmemory, maxmemory_policy, .. } = ServerInfo::of_all(&infos);
        Ok(MemoryUse {
            used_bytes: used_memory,
            limit_bytes: (maxmemory > 0).then_some(maxmemory),
            policy: maxmemory_policy,
            evicted_keys: infos.iter().map(|info| evicted_keys(info)).sum(),
        })
    }
}

pub(super) async fn server_info(shared: &Shared) -> Result<ServerInfo, RedisUnreachable> {
    Ok(ServerInfo::of_all(&infos(shared).await?))
}

/// The `INFO` of every primary.
async fn infos(shared: &Shared) -> Result<Vec<String>, RedisUnreachable> {
    let layout = shared.shards.layout();
    let mut infos = Vec::with_capacity(layout.links().len());
    for link in layout.links() {
        let mut connection = link.own_connection().await?;
        infos.push(connection.command(&redis::cmd("INFO")).await.map_err(|error| link.unreachable(error))?);
    }
    if infos.is_empty() { Err(shared.shards.unreachable(L2Error::Away)) } else { Ok(infos) }
}

impl ServerInfo {
    /// Combines several primaries: their memory is added up, and the other fields list every different answer. There is
    /// no memory limit if one primary has none.
    fn of_all(infos: &[String]) -> Self {
        let all: Vec<Self> = infos.iter().map(|info| Self::of(info)).collect();
        let texts = |of: fn(&Self) -> &String| {
            let texts: BTreeSet<&str> = all.iter().map(|info| of(info).as_str()).collect();
            texts.into_iter().collect::<Vec<_>>().join(", ")
        };
        let is_limited = all.iter().all(|info| info.maxmemory > 0);
        Self {
            version: texts(|info| &info.version),
            role: texts(|info| &info.role),
            used_memory: all.iter().map(|info| info.used_memory).sum(),
            used_memory_peak: all.iter().map(|info| info.used_memory_peak).sum(),
            maxmemory: if is_limited { all.iter().map(|info| info.maxmemory).sum() } else { 0 },
            maxmemory_policy: texts(|info| &info.maxmemory_policy),
        }
    }

    /// Parses the text of `INFO`.
    pub(crate) fn of(info: &str) -> Self {
        let text = |field| info_field(info, field).unwrap_or_default().to_owned();
        let number = |field| info_field(info, field).and_then(|value| value.parse().ok()).unwrap_or(0);
        let version = match info_field(info, "valkey_version") {
            Some(version) => format!("Valkey {version}"),
            None => text("redis_version"),
        };
        Self {
            version,
            role: text("role"),
            used_memory: number("used_memory"),
            used_memory_peak: number("used_memory_peak"),
            maxmemory: number("maxmemory"),
            maxmemory_policy: text("maxmemory_policy"),
        }
    }
}
