//! One pass of the relay over the outbox: which rows it takes, what it invalidates for them, and how it marks them.
//!
//! Invariants (`protocol.md`, "Relay and replay"): a row is marked after Redis acknowledged, with the history in which
//! it did. A type is cleared at most once a pass, for rows that existed before the clear began. No content of a row
//! stops a pass.
//!
//! Used by `relay.rs`, which runs one pass after the other.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use billing_cache::{AnyKey, ConnectionNumber, L2Error, Primaries};
use chrono::{NaiveDateTime, TimeDelta};
use sea_orm::{ConnectionTrait, DbBackend};

use super::delay;
use super::elsewhere::is_needed;
use super::marker::Relayed;
use super::relay_error::RelayError;
use super::relay_settings::RelaySettings;
use super::row::{OutboxRow, Target};
use super::rows::{self, BATCH, Histories, Needed, Wanted};
use super::whole_type::{self, PutAside};
use crate::application::{Application, DatabaseCache};
use crate::{database, failpoint};

/// A mark becomes visible at most this long after the time it carries.
const MARK_DELAY: TimeDelta = TimeDelta::seconds(10);

/// One pass over the outbox.
pub(super) struct Pass<'a> {
    cache: &'a DatabaseCache,
    settings: &'a RelaySettings,
    /// The servers that were connected when the pass began.
    primaries: &'a Primaries,
    /// Whether this is a replay. Only a replay clears a type while a part of a cluster is away, on the primaries that
    /// are there.
    is_replay: bool,
    /// Servers on which an invalidation failed. The rest of the pass skips them.
    failed: BTreeSet<ConnectionNumber>,
    /// Whether a type could not be cleared.
    is_uncleared: bool,
    /// The rows that wait until their type is cleared.
    put_aside: PutAside,
}

/// Rows that were taken together, and how many of them were applied.
struct Batch {
    first: i64,
    last: i64,
    rows: u64,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        cache: &'a DatabaseCache,
        settings: &'a RelaySettings,
        primaries: &'a Primaries,
        is_replay: bool,
    ) -> Self {
        let (failed, put_aside) = (BTreeSet::new(), PutAside::new());
        Self { cache, settings, primaries, is_replay, failed, is_uncleared: false, put_aside }
    }

    fn application(&self) -> &'a Application {
        self.cache.application()
    }

    /// Whether the pass left something undone that it should have done.
    pub(super) fn is_left(&self) -> bool {
        self.is_uncleared || !self.failed.is_empty()
    }

    /// Whether a type that had to be cleared was not cleared.
    pub(super) fn is_uncleared(&self) -> bool {
        self.is_uncleared
    }

    /// Whether an invalidation failed on this server.
    pub(super) fn has_failed(&self, server: ConnectionNumber) -> bool {
        self.failed.contains(&server)
    }

    pub(super) fn result(&self) -> Result<(), RelayError> {
        if self.is_left() { Err(RelayError::Redis(L2Error::Away)) } else { Ok(()) }
    }

    /// Applies every row that is needed, and clears the types that have to be cleared. Returns the number of rows
    /// applied.
    pub(super) async fn relay_all(&mut self, needed: &Needed) -> Result<u64, RelayError> {
        let relayed = self.relay(needed, &BTreeSet::new()).await?;
        Ok(relayed + self.clear_put_aside().await?)
    }

    /// Applies the rows that are needed, except those of the types in `skip`. Returns their number. The types with the
    /// fewest rows come first, and of each type its newest rows, so that a change of one row does not wait for a change
    /// of thousands.
    ///
    /// It starts from the lowest id each time, because a row may become visible after one with a higher id. It ends
    /// with the highest id that exists when it begins, because writers add rows faster than a pass takes them. What
    /// writers acknowledge from then on, they invalidate on the servers that are connected now.
    pub(super) async fn relay(&mut self, needed: &Needed, skip: &BTreeSet<&'static str>) -> Result<u64, RelayError> {
        let connection = self.cache.source().connection();
        let last = rows::last_id(connection).await?;
        let mut relayed = 0;
        for (cache_type, count) in rows::count_by_type(connection, self.application(), needed).await? {
            match self.cache.application().find(&cache_type).map(|cached| cached.info().name) {
                None => {}
                Some(name) if skip.contains(name) => {}
                Some(name) if self.is_crowded(needed, name, count) => {
                    let ages = rows::ages_of_type(connection, self.application(), needed, name).await?;
                    self.put_aside.entry(name).or_default().extend(ages);
                }
                Some(name) => relayed += self.relay_type(needed, name, last).await?,
            }
        }
        Ok(relayed)
    }

    async fn relay_type(&mut self, needed: &Needed, name: &'static str, last: i64) -> Result<u64, RelayError> {
        let Some(newest) = self.relay_batch(needed, Wanted::newest(name, last)).await? else { return Ok(0) };
        let mut relayed = newest.rows;
        let mut next = i64::MIN;
        while next < newest.first {
            let wanted = Wanted::oldest(name, next..=newest.first - 1);
            let Some(batch) = self.relay_batch(needed, wanted).await? else { break };
            next = batch.last + 1;
            relayed += batch.rows;
            if self.primaries.iter().all(|primary| self.failed.contains(&primary.connection)) {
                self.result()?;
            }
        }
        Ok(relayed)
    }

    /// Applies the rows that were marked with another history since the last look. During a failover some processes
    /// still write to the old primary, and after the replay only the old primary gets their invalidations. Returns the
    /// ids.
    ///
    /// These rows keep their marks, if they have any. The relays of the old primary apply the marks of the new one in
    /// the same way, so the two would otherwise overwrite each other's marks again and again. Rows for which a type has
    /// to be cleared are put aside.
    pub(super) async fn relay_applied_elsewhere(
        &mut self,
        told: &BTreeSet<i64>,
        looked: NaiveDateTime,
    ) -> Result<BTreeSet<i64>, RelayError> {
        let histories = Histories::of(self.primaries);
        // For a server that hides its history, the whole window is applied at every connection instead.
        if !histories.are_known() {
            return Ok(BTreeSet::new());
        }
        let needed = Needed::AppliedElsewhere { than: histories, since: looked - MARK_DELAY };
        let rows = rows::all(self.cache.source().connection(), self.application(), &needed).await?;
        let (told, new): (Vec<OutboxRow>, Vec<OutboxRow>) = rows.into_iter().partition(|row| told.contains(&row.id));
        let mut told: BTreeSet<i64> = told.into_iter().map(|row| row.id).collect();
        let is_marked = |row: &&OutboxRow| row.redis_history.is_some();
        let marked: BTreeSet<i64> = new.iter().filter(is_marked).map(|row| row.id).collect();
        let mut relayed = Vec::new();
        for batch in new.chunks(BATCH) {
            relayed.extend(self.apply(batch).await);
        }
        self.put_aside.values_mut().for_each(|rows| rows.keep_marks(&marked));
        for (history, ids) in relayed {
            // If the history is not that of the replay, the next look finds that, and replays.
            if history.is_some() {
                let ids = ids.difference(&marked).copied().collect();
                rows::mark_relayed(self.cache.source().connection(), &ids, history.as_ref()).await?;
            }
            told.extend(ids);
        }
        Ok(told)
    }

    /// Whether a type has too many rows to apply one by one; for a type with one key, more than one batch. Not while a
    /// part of a cluster is away, since that part would have to be cleared too. Not if all rows are looked at, since
    /// few of them are needed.
    fn is_crowded(&self, needed: &Needed, name: &str, count: u64) -> bool {
        let can_be = self.primaries.are_all() && !matches!(needed, Needed::Everything);
        let has_one_key =
            self.cache.application().find(name).is_some_and(|cached| cached.only_key(self.cache).is_some());
        can_be && count > if has_one_key { BATCH as u64 } else { self.settings.clear_type_above }
    }

    /// The rows that wait for a clear of their type. None while a part of a cluster is away: they then stay pending
    /// like the rows of that part.
    pub(super) fn take_put_aside(&mut self) -> PutAside {
        let put_aside = std::mem::take(&mut self.put_aside);
        if self.is_replay || self.primaries.are_all() { put_aside } else { PutAside::new() }
    }

    /// Clears each type once. Returns the number of rows that were put aside for that.
    async fn clear_put_aside(&mut self) -> Result<u64, RelayError> {
        let mut relayed = 0;
        for (cache_type, rows) in self.take_put_aside() {
            match rows.apply(self.cache, cache_type).await {
                Ok(applied) => relayed += applied.rows,
                Err(RelayError::Database(error)) => return Err(error.into()),
                Err(error) => self.note_uncleared(cache_type, &error),
            }
        }
        Ok(relayed)
    }

    fn note_uncleared(&mut self, cache_type: &str, error: &RelayError) {
        whole_type::log_failure(cache_type, error);
        self.is_uncleared = true;
    }

    /// Applies the wanted rows; `None` if there are none. On PostgreSQL, row locks keep two relays from working on the
    /// same pending rows. Otherwise the work may be done twice, which does no harm.
    async fn relay_batch(&mut self, needed: &Needed, wanted: Wanted) -> Result<Option<Batch>, RelayError> {
        match (self.cache.source().backend(), needed) {
            (DbBackend::Postgres, Needed::Pending { .. }) => {
                let transaction = self.cache.source().begin_write().await?;
                let done = self.relay_rows(&transaction, needed, wanted).await?;
                database::commit(transaction).await?;
                Ok(done)
            }
            _ => self.relay_rows(self.cache.source().connection(), needed, wanted).await,
        }
    }

    async fn relay_rows<C: ConnectionTrait>(
        &mut self,
        connection: &C,
        needed: &Needed,
        wanted: Wanted,
    ) -> Result<Option<Batch>, RelayError> {
        let mut taken = rows::take(connection, self.application(), needed, wanted).await?;
        let read = Instant::now();
        let ids = |row: &OutboxRow| row.id;
        let (Some(first), Some(last)) = (taken.iter().map(ids).min(), taken.iter().map(ids).max()) else {
            return Ok(None);
        };
        taken.retain(|row| is_needed(self.cache, self.primaries, row));
        let relayed = self.apply(&taken).await;
        let told_after = read.elapsed();
        failpoint::hit("relay_before_mark");
        let mut told = BTreeSet::new();
        for (history, ids) in relayed {
            rows::mark_relayed(connection, &ids, history.as_ref()).await?;
            told.extend(ids);
        }
        self.record_delays(taken.iter().filter(|row| told.contains(&row.id)), told_after);
        Ok(Some(Batch { first, last, rows: told.len() as u64 }))
    }

    fn record_delays<'r>(&self, told: impl Iterator<Item = &'r OutboxRow>, after: Duration) {
        for row in told.filter(|row| row.is_pending) {
            // Another program may have written something that is no time; such a row has no age.
            row.age.iter().for_each(|age| delay::record_of_relay(self.cache, &row.cache_type, *age + after));
        }
    }

    /// Invalidates what the rows name, each key once, and puts aside the rows for which a type has to be cleared.
    /// Returns the rows that were applied, by the history in which Redis acknowledged.
    async fn apply(&mut self, rows: &[OutboxRow]) -> Relayed {
        let targets: Vec<(&OutboxRow, Target)> = rows.iter().map(|row| (row, row.target(self.cache))).collect();
        let keys = targets.iter().filter_map(|(_, target)| target.key());
        let told = self.cache.invalidate(keys.filter(|key| self.is_reachable(key)).cloned().collect()).await;
        let failed = told.pending.iter().filter_map(|key| self.primaries.of_key(key));
        self.failed.extend(failed.map(|primary| primary.connection));
        let mut relayed = Relayed::new();
        for (row, target) in targets {
            let history = match &target {
                Target::Key(key) => told.done.get(key).cloned(),
                Target::WholeType(name) => {
                    self.put_aside.entry(name).or_default().add(row);
                    None
                }
                Target::Unreadable(name) => {
                    self.put_aside.entry(name).or_default().add_unreadable(row);
                    None
                }
                // There was nothing to invalidate, but a row without a history is never retired.
                Target::Nothing | Target::UnknownType => Some(self.primaries.history_of_all()),
            };
            if let Some(history) = history {
                relayed.entry(history).or_default().insert(row.id);
            }
        }
        relayed
    }

    /// Whether the server that has this key is connected, and no invalidation on it failed so far.
    fn is_reachable(&self, key: &AnyKey) -> bool {
        self.primaries.of_key(key).is_some_and(|primary| !self.failed.contains(&primary.connection))
    }
}
