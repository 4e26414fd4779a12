//! Usage: the counters of all processes, added up in Redis by the hour, and the background task that flushes them together with
//! what was read (see [`crate::hot_keys`]).
//!
//! Invariants: nothing of this is on the path of a read; the keys expire by themselves, and no `clear` touches them. What a
//! process counted since its last flush is lost when it dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::debug;

use crate::cache::{Cache, RegisteredType, Shared};
use crate::cached_type::Source;
use crate::event::Event;
use crate::hot_keys;
use crate::key::KeySpace;
use crate::l2::error::{L2Error, RedisUnreachable};

pub(crate) const KEPT: Duration = Duration::from_secs(31 * 24 * 3600);
const HOUR_SECONDS: u64 = 3600;
/// What begins with this is bookkeeping of ours and no cached value.
pub(crate) const PREFIX: &str = "billing_cache:";

type Counts = [u64; Event::ALL.len()];

/// What has been flushed so far or is on its way, by type in the order of registration.
#[derive(Debug, Default)]
pub(crate) struct Flushed(Mutex<Vec<Counts>>);

/// Sums of events over processes and hours, by name of the cached type.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    by_type: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Usage {
    /// How often it happened to the type.
    #[must_use]
    pub fn count(&self, cache_type: &str, event: Event) -> u64 {
        self.by_type.get(cache_type).and_then(|events| events.get(event.as_str())).copied().unwrap_or(0)
    }
}

impl<S: Source> Cache<S> {
    /// The sums of all processes over the last `hours` hours, the current one included; at most the 31 days that are kept.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn usage(&self, hours: u64) -> Result<Usage, RedisUnreachable> {
        let shared = self.shared();
        let mut connection = shared.link.own_connection().await?;
        let now = hour_of(SystemTime::now());
        let mut pipeline = redis::pipe();
        for hour in now.saturating_sub(hours.clamp(1, KEPT.as_secs() / HOUR_SECONDS) - 1)..=now {
            pipeline.cmd("HGETALL").arg(key_of(&shared.space, hour));
        }
        let read = connection.pipeline(&pipeline).await;
        let read: Vec<BTreeMap<String, u64>> = read.map_err(|error| shared.link.unreachable(error))?;
        Ok(sum(read))
    }
}

fn sum(hours: Vec<BTreeMap<String, u64>>) -> Usage {
    let mut usage = Usage::default();
    for (field, count) in hours.into_iter().flatten() {
        if let Some((cache_type, event)) = field.split_once(':') {
            *usage.by_type.entry(cache_type.into()).or_default().entry(event.into()).or_default() += count;
        }
    }
    usage
}

/// Flushes at the pace of `cache.counters_flush_ms`. Ends when its cache is dropped.
pub(crate) async fn flush_regularly(shared: Arc<Shared>) {
    let pause = Duration::from_millis(shared.settings.counters_flush_ms);
    if pause.is_zero() {
        return;
    }
    loop {
        tokio::time::sleep(pause).await;
        flush(&shared).await;
    }
}

/// Adds what was counted since the last flush. A failure is logged; what was not sent goes with the next one.
pub(crate) async fn flush(shared: &Shared) {
    if shared.settings.counters_flush_ms == 0 {
        return;
    }
    let additions = shared.flushed.take_additions(shared);
    let reads = hot_keys::Flush::take(shared);
    let mut pipeline = pipeline_of(shared, &additions);
    reads.add_to(&mut pipeline, shared);
    if pipeline.is_empty() {
        return;
    }
    let limit = shared.link.batch_limit();
    match shared.link.tell(limit, |mut wire| async move { pipeline.exec_async(&mut wire.connection).await }).await {
        Ok(()) => {}
        Err(L2Error::Away) => {
            shared.flushed.put_back(&additions);
            reads.put_back(shared);
        }
        // The sums may have arrived all the same: rather lose some than count them twice.
        Err(error) => debug!(%error, "counters were not added"),
    }
}

/// One HINCRBY for each counter that moved.
fn pipeline_of(shared: &Shared, additions: &[Counts]) -> redis::Pipeline {
    let mut pipeline = redis::pipe();
    let key = key_of(&shared.space, hour_of(SystemTime::now()));
    for (registered, added) in shared.types.iter().zip(additions) {
        for (event, added) in Event::ALL.iter().zip(added) {
            if *added > 0 {
                pipeline
                    .cmd("HINCRBY")
                    .arg(&key)
                    .arg(format!("{}:{}", registered.info.name, event.as_str()))
                    .arg(added)
                    .ignore();
            }
        }
    }
    if !pipeline.is_empty() {
        pipeline.cmd("EXPIRE").arg(&key).arg(KEPT.as_secs()).ignore();
    }
    pipeline
}

impl Flushed {
    /// What was counted since the last call. Two flushes at a time never get the same additions.
    fn take_additions(&self, shared: &Shared) -> Vec<Counts> {
        let mut flushed = self.lock();
        flushed.resize(shared.types.len(), Counts::default());
        let take = |(registered, flushed): (&RegisteredType, &mut Counts)| {
            let before = std::mem::replace(flushed, registered.counters.snapshot());
            std::array::from_fn(|event| flushed[event] - before[event])
        };
        shared.types.iter().zip(flushed.iter_mut()).map(take).collect()
    }

    /// These additions were not sent.
    fn put_back(&self, additions: &[Counts]) {
        for (flushed, added) in self.lock().iter_mut().zip(additions) {
            flushed.iter_mut().zip(added).for_each(|(flushed, added)| *flushed -= added);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Counts>> {
        self.0.lock().expect("no panic while the flushed counts are locked")
    }
}

fn key_of(space: &KeySpace, hour: u64) -> String {
    format!("{}{PREFIX}counters:{hour}", space.prefix())
}

fn hour_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / HOUR_SECONDS
}
