//! The relay: applies pending invalidations, and applies again those that Redis may have lost.
//!
//! Every process of the service runs one. It takes rows that a crash, an unreachable Redis, or writers without the
//! cache left behind. On PostgreSQL `NOTIFY` wakes it; on SQLite it looks regularly.
//!
//! Invariants (`protocol.md`, "Relay and replay"): rows are taken by their state, never by "id greater than the last
//! seen". A row is marked after Redis acknowledged, with the history of the shard of its key at that time. Every look
//! takes the rows that were recently marked with other histories, not only the look after a reconnection. A row is
//! retired only when it carries a current history and is older than its retention.
//!
//! Used by the service, which starts it and stops it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use billing_cache::{L2Error, LayoutNumber, Primary};
use chrono::NaiveDateTime;
use sea_orm::DbBackend;
use sea_orm::sqlx::{self, postgres::PgListener};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{debug, info};

use super::delay;
use super::pass::Pass;
use super::relay_error::RelayError;
use super::relay_settings::{RETIRE_PAUSE, RelaySettings, retention};
use super::rows::{self, Histories, Needed};
use super::seen::Seen;
use super::trigger_check;
use super::whole_type::Clears;
use crate::application::DatabaseCache;
use crate::triggers::NOTIFY_CHANNEL;

const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Lower limit of the pause between looks, in case the settings ask for none.
const POLL_MIN: Duration = Duration::from_millis(10);
/// Pause between two attempts to listen.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// The running relay. It ends when this is dropped.
#[derive(Debug)]
pub struct Relay {
    tasks: JoinSet<()>,
    caught_up: watch::Receiver<bool>,
}

impl Relay {
    /// Starts relaying into this cache.
    #[must_use]
    pub fn start(cache: DatabaseCache, settings: RelaySettings) -> Self {
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

    /// Waits until the outbox was caught up with once, so that reads use Redis.
    pub async fn caught_up(&self) {
        // The sender lives as long as the relay. If the task died, there is nothing to wait for.
        let _ = self.caught_up.clone().wait_for(|done| *done).await;
    }

    /// Ends the relay and waits for it. The next relay does what this one left.
    pub async fn close(mut self) {
        self.tasks.shutdown().await;
    }
}

/// What the previous looks found.
#[derive(Default)]
struct Admitted {
    /// The servers that reads use: their data are known to carry every acknowledged invalidation.
    in_use: Vec<Primary>,
    /// The slot map that the last complete replay covered.
    layout: Option<LayoutNumber>,
    /// When the last look began, by the clock of the database.
    looked: NaiveDateTime,
    /// Rows applied elsewhere that were applied to these servers too. Only those of the last look, since older ones are
    /// not seen again.
    told: BTreeSet<i64>,
    /// Which rows existed at which time.
    seen: Seen,
    /// The types that are being cleared beside the looks.
    clears: Clears,
}

/// Which servers a look has caught up.
enum Reached {
    All,
    /// A part of a cluster is away.
    Some,
}

/// Relays for ever. Before that it replays what a change of the Redis history made necessary.
async fn run(cache: DatabaseCache, settings: RelaySettings, wake: Arc<Notify>, caught_up: watch::Sender<bool>) {
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
                    // Many rows may wait for a part of a cluster that is away; looking at them must not take all the
                    // time.
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

/// Applies what is needed for the servers that are connected now, and lets reads use these servers. Rows of a part of a
/// cluster that is away wait for that part; they do not keep other rows waiting.
async fn catch_up(
    cache: &DatabaseCache,
    settings: &RelaySettings,
    admitted: &mut Admitted,
) -> Result<Reached, RelayError> {
    trigger_check::look_if_due(cache).await?;
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
            // Rows that could not be applied, or whose type is being cleared, are looked for again.
            admitted.told.extend(told);
        }
        return pass.result().map(|()| reached);
    }
    // Either these are other data, in which acknowledged invalidations may be undone. Or they are the same data over
    // another connection: in between, other processes may have invalidated on a server that took its place for a while,
    // and the rows say so.
    new.iter().for_each(|primary| cache.suspend_reads(primary.connection));
    // A mark says the history of the shard that had the key at that time; by now another shard may have the key.
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

/// Wakes the relay when PostgreSQL announces new rows, after the writer had the time to apply its own rows.
async fn listen(cache: DatabaseCache, wake: Arc<Notify>, grace: Duration) {
    loop {
        if let Err(error) = wake_on_notification(&cache, &wake, grace).await {
            debug!(%error, "not listening for new outbox rows, the relay looks regularly");
        }
        tokio::time::sleep(LISTEN_PAUSE).await;
    }
}

async fn wake_on_notification(cache: &DatabaseCache, wake: &Notify, grace: Duration) -> Result<(), sqlx::Error> {
    let pool = cache.source().connection().get_postgres_connection_pool();
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(NOTIFY_CHANNEL).await?;
    loop {
        // Also before the first notification: rows that came while nobody listened were not announced.
        tokio::time::sleep(grace).await;
        while listener.next_buffered().is_some() {}
        wake.notify_one();
        // `None` means that the connection was lost and restored. Notifications may have been missed, so the relay
        // looks as well.
        listener.try_recv().await?;
    }
}

/// Deletes rows that no replay can need any more.
async fn retire_regularly(cache: DatabaseCache, settings: RelaySettings) {
    loop {
        tokio::time::sleep(RETIRE_PAUSE).await;
        if let Err(error) = retire(&cache, &settings).await {
            debug!(error = &error as &dyn std::error::Error, "rows were not retired");
        }
    }
}

/// Retires rows once. Returns their number.
///
/// # Errors
/// Redis does not report its history, or the database fails.
pub async fn retire(cache: &DatabaseCache, settings: &RelaySettings) -> Result<u64, RelayError> {
    let primaries = cache.primaries().await?;
    // Rows of another history that a failover left get the mark of this one, so that they can be retired. They are
    // applied once more. By now no process uses the old primary, so no process marks them back.
    let histories = Histories::of(&primaries);
    if histories.are_known() {
        let after = Duration::from_secs(settings.retention_margin_seconds);
        let mut pass = Pass::new(cache, settings, &primaries, false);
        pass.relay_all(&Needed::LeftElsewhere { than: histories.clone(), after }).await?;
    }
    let mut retired = 0;
    for info in cache.types() {
        let connection = cache.source().connection();
        retired += rows::retire(connection, info.name, &histories, retention(cache, info, settings)).await?;
    }
    Ok(retired)
}
