//! Survey: what stands in Redis, by cached type. One SCAN, with MEMORY USAGE and PTTL in pipelines; constant memory.

use std::time::Duration;

use redis::Value;
use serde::Serialize;

use crate::cache::{Cache, Shared};
use crate::cached_type::{Source, TypeInfo};
use crate::key::key_of_lease;
use crate::l2::admin::Scan;
use crate::l2::error::{L2Error, RedisUnreachable};
use crate::l2::history::info_field;
use crate::l2::link::OwnConnection;
use crate::usage;

/// What a survey found.
#[derive(Clone, Debug, Serialize)]
pub struct Survey {
    /// The server.
    pub server: ServerInfo,
    /// The cached types, in the order in which they were added to the cache.
    pub types: Vec<TypeSurvey>,
    /// Leases of all types: loads in flight.
    pub leases: u64,
    /// Keys with our counters, and with what is known of reads.
    pub bookkeeping: u64,
    /// Keys in this database that are not ours.
    pub foreign: u64,
}

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

/// The keys of one cached type.
#[derive(Clone, Debug, Serialize)]
pub struct TypeSurvey {
    /// The name of the type.
    pub name: &'static str,
    /// Keys.
    pub keys: u64,
    /// Memory they use, in bytes, as the server counts it.
    pub bytes: u64,
    /// How long they have to live.
    pub ttl: TtlDistribution,
}

/// Numbers of keys by time to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TtlDistribution {
    /// They never expire: a foreign hand, since the cache always sets a TTL.
    pub no_expiry: u64,
    /// Less than a minute.
    pub under_1_min: u64,
    /// From 1 to 5 minutes.
    pub under_5_min: u64,
    /// From 5 minutes to an hour.
    pub under_1_h: u64,
    /// From an hour to a day.
    pub under_24_h: u64,
    /// A day or more.
    pub more: u64,
}

impl TtlDistribution {
    fn add(&mut self, ttl_ms: i64) {
        const MINUTE: i64 = 60_000;
        let place = match ttl_ms {
            ..0 => &mut self.no_expiry,
            0..MINUTE => &mut self.under_1_min,
            ttl if ttl < 5 * MINUTE => &mut self.under_5_min,
            ttl if ttl < 60 * MINUTE => &mut self.under_1_h,
            ttl if ttl < 24 * 60 * MINUTE => &mut self.under_24_h,
            _ => &mut self.more,
        };
        *place += 1;
    }
}

impl<S: Source> Cache<S> {
    /// Looks at every key of the database once; `progress` hears how many names were seen in each step.
    ///
    /// Counts what `SCAN` returns: a key that moves while the server's table grows may be counted twice.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn survey(&self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<Survey, RedisUnreachable> {
        let shared = self.shared();
        let mut connection = shared.link.own_connection().await?;
        survey(shared, &mut connection, progress).await.map_err(|error| shared.link.unreachable(error))
    }

    /// How long the values with these texts have to live, in their order; `None` for what is not cached.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn times_to_live(&self, texts: &[String]) -> Result<Vec<Option<Duration>>, RedisUnreachable> {
        let link = &self.shared().link;
        let mut connection = link.own_connection().await?;
        let mut found = Vec::with_capacity(texts.len());
        for batch in texts.chunks(self.shared().settings.scan_count) {
            let mut pipeline = redis::Pipeline::with_capacity(batch.len());
            for text in batch {
                pipeline.cmd("PTTL").arg(text);
            }
            let answers = connection.pipeline(&pipeline).await;
            let answers: Vec<i64> = answers.map_err(|error| link.unreachable(error))?;
            found.extend(answers.into_iter().map(time_to_live));
        }
        Ok(found)
    }

    /// How many keys the database holds, ours or not.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn key_count(&self) -> Result<u64, RedisUnreachable> {
        let link = &self.shared().link;
        let mut connection = link.own_connection().await?;
        let size = connection.command(&redis::cmd("DBSIZE")).await;
        size.map_err(|error| link.unreachable(error))
    }
}

/// What PTTL answers: -2 for no key, -1 for one that never expires.
fn time_to_live(ttl_ms: i64) -> Option<Duration> {
    match ttl_ms {
        -2 => None,
        _ => Some(u64::try_from(ttl_ms).map_or(Duration::MAX, Duration::from_millis)),
    }
}

async fn survey(
    shared: &Shared,
    connection: &mut OwnConnection,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Survey, L2Error> {
    let types: Vec<TypeInfo> = shared.types.iter().map(|registered| registered.info).collect();
    let empty = |info: &TypeInfo| TypeSurvey { name: info.name, keys: 0, bytes: 0, ttl: TtlDistribution::default() };
    let mut found = Survey {
        server: server_info(connection).await?,
        types: types.iter().map(empty).collect(),
        leases: 0,
        bookkeeping: 0,
        foreign: 0,
    };
    let mut scan = Scan::new(None, shared.settings.scan_count);
    while let Some(names) = scan.next(connection).await? {
        progress(names.len() as u64);
        let owned: Vec<(usize, String)> =
            names.into_iter().filter_map(|name| found.sort_in(shared, &types, name)).collect();
        measure(connection, &owned, &mut found.types).await?;
    }
    Ok(found)
}

impl Survey {
    /// Counts what is no cached value, and returns what is one with the place of its type.
    fn sort_in(&mut self, shared: &Shared, types: &[TypeInfo], name: Vec<u8>) -> Option<(usize, String)> {
        let Ok(name) = String::from_utf8(name) else {
            self.foreign += 1;
            return None;
        };
        let owner_of = |key: &str| types.iter().position(|info| info.owns(&shared.space, key));
        if let Some(owner) = owner_of(&name) {
            return Some((owner, name));
        }
        if key_of_lease(&name).is_some_and(|key| owner_of(key).is_some()) {
            self.leases += 1;
        } else if shared.space.strip(&name).is_some_and(|name| name.starts_with(usage::PREFIX)) {
            self.bookkeeping += 1;
        } else {
            self.foreign += 1;
        }
        None
    }
}

async fn measure(
    connection: &mut OwnConnection,
    owned: &[(usize, String)],
    types: &mut [TypeSurvey],
) -> Result<(), L2Error> {
    if owned.is_empty() {
        return Ok(());
    }
    let mut pipeline = redis::Pipeline::with_capacity(owned.len() * 2);
    for (_, key) in owned {
        pipeline.cmd("MEMORY").arg("USAGE").arg(key).cmd("PTTL").arg(key);
    }
    let answers: Vec<Value> = connection.pipeline(&pipeline).await?;
    for ((owner, _), pair) in owned.iter().zip(answers.chunks(2)) {
        // A key that has gone since it was seen answers nil and -2.
        if let [Value::Int(bytes), Value::Int(ttl_ms)] = pair
            && *ttl_ms != -2
        {
            let survey = &mut types[*owner];
            survey.keys += 1;
            survey.bytes += u64::try_from(*bytes).unwrap_or(0);
            survey.ttl.add(*ttl_ms);
        }
    }
    Ok(())
}

async fn server_info(connection: &mut OwnConnection) -> Result<ServerInfo, L2Error> {
    let info: String = connection.command(&redis::cmd("INFO")).await?;
    let text = |field| info_field(&info, field).unwrap_or_default().to_owned();
    let number = |field| info_field(&info, field).and_then(|value| value.parse().ok()).unwrap_or(0);
    let version = match info_field(&info, "valkey_version") {
        Some(version) => format!("Valkey {version}"),
        None => text("redis_version"),
    };
    Ok(ServerInfo {
        version,
        role: text("role"),
        used_memory: number("used_memory"),
        used_memory_peak: number("used_memory_peak"),
        maxmemory: number("maxmemory"),
        maxmemory_policy: text("maxmemory_policy"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_falls_into_the_first_bucket_it_is_under() {
        let mut ttl = TtlDistribution::default();
        for ms in [-1, 0, 59_999, 60_000, 299_999, 300_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000] {
            ttl.add(ms);
        }
        let expected =
            TtlDistribution { no_expiry: 1, under_1_min: 2, under_5_min: 2, under_1_h: 2, under_24_h: 2, more: 1 };
        assert_eq!(ttl, expected);
    }
}
