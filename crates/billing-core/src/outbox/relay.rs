//! The relay: applies the invalidations that nobody has applied yet, and applies again those that Redis may have lost.
//!
//! Every process of the service runs one. It takes rows left by a crash, by a Redis that was away, and by writers that
//! know nothing of the cache; on PostgreSQL it is woken by `NOTIFY`, on SQLite it looks regularly.
//!
//! Invariants (`protocol.md`, section 5): rows are taken by their state, never by "id greater than the last seen"; a
//! row is marked after Redis was told, with the history Redis was told in, that of the shard of its key; every look
//! takes rows that were lately marked with other histories, not only the look after a reconnection; a row is retired
//! only when it carries a history of today and is older than its retention.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing_cache::{L2Error, LayoutNumber, Primary, TypeInfo};
use chrono::NaiveDateTime;
use sea_orm::sqlx::{self, postgres::PgListener};
use sea_orm::{DbBackend, DbErr};
use serde::Deserialize;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{debug, info};

use super::delay;
use super::pass::Pass;
use super::rows::{self, Histories, Needed};
use super::seen::Seen;
use super::sight;
use super::whole_type::Clears;
use crate::cached::{self, BillingCache};
use crate::migration::triggers::NOTIFY_CHANNEL;

/// Between two looks for rows to retire.
pub(super) const RETIRE_PAUSE: Duration = Duration::from_secs(60);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Not even a mistake in the settings makes the relay ask without a pause.
const POLL_MIN: Duration = Duration::from_millis(10);
/// Between two attempts to listen.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// How the relay behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelaySettings {
    /// Longest pause between two looks for pending rows.
    pub poll_interval_ms: u64,
    /// A row younger than this is left to the writer who made it.
    pub grace_ms: u64,
    /// Beyond so many pending rows of one type, the whole type is cleared instead.
    pub clear_type_above: u64,
    /// How much longer than the TTL of their type relayed rows are kept for a replay.
    pub retention_margin_seconds: u64,
    /// How long a write that could not tell Redis waits until a relay has; 0 turns that off.
    pub strict_wait_ms: u64,
}

/// The running relay; ends when dropped.
#[derive(Debug)]
pub struct Relay {
    tasks: JoinSet<()>,
    caught_up: watch::Receiver<bool>,
}

/// Why a pass stopped; what it did before stays done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The outbox could not be read or marked.
    #[error("read the outbox")]
    Database(#[from] DbErr),
    /// Redis could not be told.
    #[error("tell redis")]
    Redis(#[from] L2Error),
}

impl Relay {
    /// Starts relaying into this cache.
    #[must_use]
    pub fn start(cache: BillingCache, settings: RelaySettings) -> Self {
        let wake = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        if cache.source().backend() == DbBackend::Postgres {
            tasks.spawn(listen(cache.clone(), Arc::clone(&wake), Duration::from_millis(settings.grace_ms)));
        }
        tasks.spawn(retire_regularly(cache.clone(), settings.clone()));
        tasks.spawn(delay::record_backlog_regularly(cache.clone()));
        let (tell, caught_up) = watch::channel(false);
        tasks.spawn(run(cache, settings, wake, tell));
        Self { tasks, caught_up }
    }

    /// Waits until the outbox has been at rest once, so that reads use Redis.
    pub async fn caught_up(&self) {
        // The sender lives as long as the relay; should the task have died, there is nothing to wait for.
        let _ = self.caught_up.clone().wait_for(|done| *done).await;
    }

    /// Ends the relay and waits for it. What it was doing is done by the next one.
    pub async fn close(mut self) {
        self.tasks.shutdown().await;
    }
}

/// What was found at the looks before.
#[derive(Default)]
struct Admitted {
    /// The servers that reads use: their data is known to carry every acknowledged invalidation.
    in_use: Vec<Primary>,
    /// Which layout of the keys the last complete replay was over.
    layout: Option<LayoutNumber>,
    /// When the last look began, by the clock of the database.
    looked: NaiveDateTime,
    /// Rows applied elsewhere that these servers were told of too; those of the last look, since older ones are not
    /// seen again.
    told: BTreeSet<i64>,
    /// Which rows were there when.
    seen: Seen,
    /// The types that are being cleared beside the looks.
    clears: Clears,
}

/// Which servers a look brought to rest.
enum Reached {
    All,
    /// A part of a cluster is away.
    Some,
}

/// Relays for ever, and before that replays what a change of the Redis history made necessary.
async fn run(cache: BillingCache, settings: RelaySettings, wake: Arc<Notify>, caught_up: watch::Sender<bool>) {
    let mut connections = cache.connection_changes();
    let mut admitted = Admitted::default();
    let shortest = Duration::from_millis(settings.grace_ms.max(10));
    let mut backoff = shortest;
    loop {
        let began = Instant::now();
        let pause = match catch_up(&cache, &settings, &mut admitted).await {
            Ok(reached) => {
                caught_up.send_replace(true);
                backoff = shortest;
                let pause = Duration::from_millis(settings.poll_interval_ms).max(POLL_MIN);
                match reached {
                    Reached::All => pause,
                    // Many rows may wait for a part of a cluster that is away; looking at them is not to be all that
                    // goes on.
                    Reached::Some => pause.max((began.elapsed() * 4).min(BACKOFF_MAX)),
                }
            }
            // At once, on new connections.
            Err(RelayError::Database(error)) if cache.source().renews_plans_after(&error) => POLL_MIN,
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "the relay will try again");
                backoff = (backoff * 2).min(BACKOFF_MAX);
                backoff
            }
        };
        tokio::select! {
            () = wake.notified() => {}
            _ = connections.changed() => {}
            told = admitted.clears.next_done() => admitted.told.extend(told),
            () = tokio::time::sleep(pause.mul_f64(0.75 + rand::random::<f64>() / 4.0)) => {}
        }
    }
}

/// Brings the outbox to rest for the servers that are connected now, and lets reads use them. Rows of a part of a
/// cluster that is away wait for it; they keep no others waiting.
async fn catch_up(
    cache: &BillingCache,
    settings: &RelaySettings,
    admitted: &mut Admitted,
) -> Result<Reached, RelayError> {
    sight::look_if_due(cache).await?;
    let primaries = cache.primaries().await?;
    let reached = if primaries.are_all() { Reached::All } else { Reached::Some };
    let looked = rows::clock(cache.source().connection()).await?;
    admitted.in_use.retain(|known| primaries.iter().any(|primary| primary == known));
    let new: Vec<Primary> = primaries.iter().filter(|primary| !admitted.in_use.contains(primary)).cloned().collect();
    let keys_moved = primaries.are_many() && admitted.layout != Some(primaries.layout());
    let is_replay = !new.is_empty() || keys_moved;
    let mut pass = Pass::new(cache, settings, &primaries, is_replay);
    if !is_replay {
        let older_than = Duration::from_millis(settings.grace_ms);
        let seen = admitted.seen.before(older_than);
        admitted.seen.note(rows::last_id(cache.source().connection()).await?);
        let relayed = pass.relay(&Needed::Pending { older_than, seen }, admitted.clears.types()).await?;
        admitted.clears.begin(cache, pass.take_put_aside());
        if relayed > 0 {
            debug!(rows = relayed, "pending invalidations relayed");
        }
        let told = pass.relay_applied_elsewhere(&admitted.told, admitted.looked).await?;
        let put_aside = pass.take_put_aside();
        let is_done = put_aside.is_empty() && !pass.is_left();
        admitted.clears.begin(cache, put_aside);
        if is_done {
            (admitted.told, admitted.looked) = (told, looked);
        } else {
            // What could not be told, or is being cleared, is looked for again.
            admitted.told.extend(told);
        }
        return pass.result().map(|()| reached);
    }
    // Other data: what was acknowledged may be undone. Or the same data over another connection: while there was none,
    // others may have told a server that took this one's place for a while, and the rows say so.
    new.iter().for_each(|primary| cache.suspend_reads(primary.connection));
    // A mark says in which history the shard was that had the key then; by now the key may be another one's.
    let needed =
        if primaries.are_many() { Needed::Everything } else { Needed::Replay { into: Histories::of(&primaries) } };
    let relayed = pass.relay_all(&needed).await?;
    if pass.is_uncleared() || !cache.has_layout(primaries.layout()) {
        return Err(RelayError::Redis(L2Error::Away));
    }
    for primary in new.into_iter().filter(|primary| !pass.has_failed(primary.connection)) {
        cache.admit(primary.connection);
        admitted.in_use.push(primary);
    }
    info!(rows = relayed, "recent invalidations replayed, redis is in use");
    pass.result()?;
    (admitted.layout, admitted.looked) = (Some(primaries.layout()), looked);
    admitted.told.clear();
    Ok(reached)
}

/// Wakes the relay when PostgreSQL announces new rows, after the writer had the time to apply its own.
async fn listen(cache: BillingCache, wake: Arc<Notify>, grace: Duration) {
    loop {
        if let Err(error) = wake_on_notification(&cache, &wake, grace).await {
            debug!(%error, "not listening for new outbox rows, the relay looks regularly");
        }
        tokio::time::sleep(LISTEN_PAUSE).await;
    }
}

async fn wake_on_notification(cache: &BillingCache, wake: &Notify, grace: Duration) -> Result<(), sqlx::Error> {
    let pool = cache.source().connection().get_postgres_connection_pool();
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(NOTIFY_CHANNEL).await?;
    loop {
        // Before the first notification too: what came while nobody listened was missed.
        tokio::time::sleep(grace).await;
        while listener.next_buffered().is_some() {}
        wake.notify_one();
        // `None` is a connection that was lost and restored: notifications may have been missed, so look as well.
        listener.try_recv().await?;
    }
}

/// Deletes rows that no replay can need any more.
async fn retire_regularly(cache: BillingCache, settings: RelaySettings) {
    loop {
        tokio::time::sleep(RETIRE_PAUSE).await;
        if let Err(error) = retire(&cache, &settings).await {
            debug!(error = &error as &dyn std::error::Error, "rows were not retired");
        }
    }
}

/// One look for rows to retire; says how many there were.
///
/// # Errors
/// Redis does not tell its history, or the database fails.
pub async fn retire(cache: &BillingCache, settings: &RelaySettings) -> Result<u64, RelayError> {
    let primaries = cache.primaries().await?;
    // Those of another history that were left after a failover get the mark of this one, so that they can be retired.
    // They are applied once more; by now nobody uses the old primary, so nobody marks them back.
    let histories = Histories::of(&primaries);
    if histories.are_known() {
        let after = Duration::from_secs(settings.retention_margin_seconds);
        let mut pass = Pass::new(cache, settings, &primaries, false);
        pass.relay_all(&Needed::LeftElsewhere { than: histories.clone(), after }).await?;
    }
    let mut retired = 0;
    for info in cache.types() {
        let connection = cache.source().connection();
        retired += rows::retire(connection, info.name, &histories, retention(info, settings)).await?;
    }
    Ok(retired)
}

/// How long applied rows of a type are kept.
pub(super) fn retention(info: &TypeInfo, settings: &RelaySettings) -> Duration {
    // Values of the Python processes have the declared TTL, whatever is set here.
    let declared = cached::find(info.name).map_or(info.ttl, |cached| cached.info().ttl);
    info.ttl.max(declared) + Duration::from_secs(settings.retention_margin_seconds)
}
