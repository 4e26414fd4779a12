//! The flush: sends to Redis, in one pipeline and in the background, what this process counted, which keys were read
//! (see [`crate::reporting::hot_keys`]), and for a service that it is alive and how its breaker changed. It then asks
//! whether Redis has evicted keys since the previous flush.
//!
//! Invariant: nothing is added twice. Each command of the pipeline has a separate answer. Additions that the server
//! refused because of its own state, and additions that were never sent, go with a later flush. If an answer is
//! missing, the additions are rather lost.
//!
//! The builder starts it; programs call it once more before they end.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future;
use redis::{Pipeline, RedisError, RedisResult, Value};
use tracing::debug;

use super::hot_keys;
use crate::connection::breaker::Change;
use crate::connection::error::L2Error;
use crate::connection::info::evicted_keys;
use crate::connection::link::{Terms, Wire};
use crate::connection::redirect::is_elsewhere;
use crate::counting::bucket::Slot;
use crate::counting::unsent::Addition;
use crate::declaration::cached_type::Source;
use crate::declaration::key::NUMBERS;
use crate::read::cache::Cache;
use crate::read::shared::Shared;

/// Number of additions in one flush. The rest goes with the next flush, for example after an outage. Reads of the
/// process wait behind it.
const MOST_ADDITIONS: usize = 5_000;

impl<S: Source> Cache<S> {
    /// Adds everything counted since the last flush to the numbers in Redis. Call it before the process ends.
    pub async fn flush_counters(&self) {
        flush(self.shared()).await;
    }

    /// The pause between two flushes; `None` if flushing is off.
    #[must_use]
    pub fn flush_pause(&self) -> Option<Duration> {
        flush_pause(self.shared())
    }
}

/// Flushes every `cache.counters_flush_ms`. Ends when its cache is dropped.
pub(crate) async fn flush_regularly(shared: Arc<Shared>) {
    let Some(pause) = flush_pause(&shared) else { return };
    loop {
        tokio::time::sleep(pause).await;
        flush(&shared).await;
    }
}

/// Adds everything counted since the last flush. A failure is logged; what was not sent goes with the next flush.
async fn flush(shared: &Shared) {
    if flush_pause(shared).is_none() {
        return;
    }
    // A flush before the process ends waits for the flush that is running.
    let _turn = shared.flushing.lock().await;
    let outgoing = Outgoing::take(shared);
    let (pipeline, places) = outgoing.pipeline(shared);
    if pipeline.is_empty() {
        return;
    }
    let sent = send(shared, &pipeline).await;
    outgoing.settle(shared, &places, sent);
    hear_evictions(shared).await;
}

fn flush_pause(shared: &Shared) -> Option<Duration> {
    let pause = Duration::from_millis(shared.settings.counters_flush_ms);
    (!pause.is_zero()).then_some(pause)
}

/// The content of one flush. Two concurrent flushes never have the same content.
struct Outgoing {
    additions: Vec<Addition>,
    reads: hot_keys::Flush,
    changes: Vec<Change>,
}

/// The positions in the pipeline. The additions come first.
struct Places {
    reads: Range<usize>,
    changes: Range<usize>,
}

impl Outgoing {
    fn take(shared: &Shared) -> Self {
        Self {
            additions: shared.unsent.take(shared.own_numbers(), SystemTime::now(), MOST_ADDITIONS),
            reads: hot_keys::Flush::take(shared),
            changes: shared.identity.as_ref().map_or_else(Vec::new, |_| shared.shards.take_breaker_changes()),
        }
    }

    fn pipeline(&self, shared: &Shared) -> (Pipeline, Places) {
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors();
        add_to(&mut pipeline, shared, &self.additions);
        let reads = pipeline.len();
        self.reads.add_to(&mut pipeline, shared);
        let changes = pipeline.len();
        if let Some(identity) = &shared.identity {
            identity.add_changes_to(&mut pipeline, shared, &self.changes);
            identity.add_to(&mut pipeline, shared);
        }
        (pipeline, Places { reads: reads..changes, changes: changes..changes + self.changes.len() })
    }

    /// Keeps for a later flush what Redis certainly did not store. Breaker changes are kept until Redis certainly has
    /// them, because a change that is sent twice is stored once.
    fn settle(self, shared: &Shared, places: &Places, sent: Sent) {
        let Self { additions, reads, changes } = self;
        match sent {
            Sent::Answered(answers) => {
                let refused = additions.into_iter().zip(&answers).filter(|(_, answer)| is_refused(answer));
                shared.unsent.put_back(refused.map(|(addition, _)| addition));
                if answers[places.reads.clone()].iter().all(is_refused) {
                    reads.put_back(shared);
                }
                if answers[places.changes.clone()].iter().any(Result::is_err) {
                    shared.shards.put_breaker_changes_back(changes);
                }
            }
            Sent::Never => {
                shared.unsent.put_back(additions);
                reads.put_back(shared);
                shared.shards.put_breaker_changes_back(changes);
            }
            Sent::Unknown => shared.shards.put_breaker_changes_back(changes),
        }
    }
}

/// The result of sending a pipeline.
enum Sent {
    /// Each command has its answer.
    Answered(Vec<RedisResult<Value>>),
    /// The pipeline did not reach the server.
    Never,
    /// The pipeline may have reached the server.
    Unknown,
}

async fn send(shared: &Shared, pipeline: &Pipeline) -> Sent {
    let mut answered = None;
    let answers = &mut answered;
    let tell = |mut wire: Wire| async move {
        let all: Vec<RedisResult<Value>> = pipeline.query_async(&mut wire.connection).await?;
        // Returned as an error, so that the link leaves a server that has become a replica.
        let refused = all.iter().find_map(|answer| answer.as_ref().err().cloned());
        *answers = Some(all);
        refused.map_or(Ok(()), Err)
    };
    let told = match shared.shards.link_of(NUMBERS) {
        Ok(link) => link.run(Terms::tell(shared.shards.batch_limit()), tell).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &told {
        if matches!(error, L2Error::Redis(error) if is_elsewhere(error)) {
            shared.shards.hear_redirection();
        }
        debug!(%error, "some numbers were not added");
    }
    match (answered, told) {
        (Some(answers), _) if answers.len() == pipeline.len() => Sent::Answered(answers),
        (None, Err(L2Error::Away)) => Sent::Never,
        _ => Sent::Unknown,
    }
}

/// Reads the number of evicted keys of all primaries together. The number stays unknown if one primary does not report
/// it.
async fn hear_evictions(shared: &Shared) {
    let layout = shared.shards.layout();
    let terms = Terms::tell(shared.shards.command_limit());
    let ask = |mut wire: Wire| async move { wire.query::<String>(redis::cmd("INFO").arg("stats")).await };
    let infos = future::join_all(layout.links().iter().map(|link| link.run(terms, ask))).await;
    let counts: Result<Vec<u64>, L2Error> = infos.into_iter().map(|info| Ok(evicted_keys(&info?))).collect();
    match counts {
        Ok(counts) => shared.known.hear_evicted_keys(counts.into_iter().sum()),
        Err(error) => debug!(%error, "how many keys were evicted is not known"),
    }
}

/// Whether the server refused a command because of its state, or no longer has the key. This server or another accepts
/// the same command later.
fn is_refused(answer: &RedisResult<Value>) -> bool {
    let is_of_state = |error: &RedisError| {
        matches!(
            error.code(),
            Some("OOM" | "READONLY" | "LOADING" | "MISCONF" | "NOREPLICAS" | "MASTERDOWN" | "CLUSTERDOWN" | "BUSY")
        )
    };
    let passes = |error: &RedisError| is_of_state(error) || is_elsewhere(error);
    answer.as_ref().err().is_some_and(passes)
}

/// One HINCRBY for each addition, in their order, and then the expiries.
fn add_to(pipeline: &mut Pipeline, shared: &Shared, additions: &[Addition]) {
    let key = |slot: Slot, cache_type: &str| slot.key(&shared.space, cache_type);
    for Addition { slot, cache_type, field, count } in additions {
        pipeline.cmd("HINCRBY").arg(key(*slot, cache_type)).arg(field.to_string()).arg(*count);
    }
    let hashes: BTreeSet<(Slot, &str)> =
        additions.iter().map(|addition| (addition.slot, addition.cache_type)).collect();
    for (slot, cache_type) in hashes {
        pipeline.cmd("EXPIRE").arg(key(slot, cache_type)).arg(slot.resolution.kept().as_secs());
    }
}
