//! What `INFO` tells of the server.

use serde::Serialize;

use crate::cache::Cache;
use crate::cached_type::Source;
use crate::l2::error::{L2Error, RedisUnreachable};
use crate::l2::history::info_field;
use crate::l2::link::OwnConnection;

/// What `INFO` tells of the server.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ServerInfo {
    /// Version, with the product's name where it is not Redis.
    pub version: String,
    /// `master` or `slave`, as the server calls itself.
    pub role: String,
    /// Memory used, in bytes.
    pub used_memory: u64,
    /// The most memory ever used, in bytes.
    pub used_memory_peak: u64,
    /// The limit in bytes; 0 for none.
    pub maxmemory: u64,
    /// What happens at the limit.
    pub maxmemory_policy: String,
}

/// What the server says of its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Memory used, in bytes.
    pub used_bytes: u64,
    /// The limit in bytes; `None` where there is none.
    pub limit_bytes: Option<u64>,
    /// What happens at the limit.
    pub policy: String,
    /// Keys dropped for space since its start, of whatever program.
    pub evicted_keys: u64,
}

impl<S: Source> Cache<S> {
    /// How much memory the server uses, and may use.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn memory(&self) -> Result<MemoryUse, RedisUnreachable> {
        let link = &self.shared().link;
        let mut connection = link.own_connection().await?;
        let info: String = connection.command(&redis::cmd("INFO")).await.map_err(|error| link.unreachable(error))?;
        Ok(MemoryUse::of(&info))
    }
}

impl MemoryUse {
    fn of(info: &str) -> Self {
        let ServerInfo { used_memory, maxmemory, maxmemory_policy, .. } = ServerInfo::of(info);
        Self {
            used_bytes: used_memory,
            limit_bytes: (maxmemory > 0).then_some(maxmemory),
            policy: maxmemory_policy,
            evicted_keys: evicted_keys(info),
        }
    }
}

/// Keys dropped for space since the server started.
pub(crate) fn evicted_keys(info: &str) -> u64 {
    info_field(info, "evicted_keys").and_then(|value| value.parse().ok()).unwrap_or(0)
}

pub(super) async fn server_info(connection: &mut OwnConnection) -> Result<ServerInfo, L2Error> {
    let info: String = connection.command(&redis::cmd("INFO")).await?;
    Ok(ServerInfo::of(&info))
}

impl ServerInfo {
    /// From the text of `INFO`.
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
