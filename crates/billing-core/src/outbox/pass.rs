//! One pass of the relay over the outbox: which rows it takes, what it tells Redis of them, and how it marks them.
//!
//! Invariants (`protocol.md`, section 5): a row is marked after Redis was told, with the history Redis was told in; whatever has
//! to be cleared is cleared once a pass, for rows that were there before the clear began; no row stops a pass by what stands in
//! it. Run by `relay.rs`, one pass after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use billing_cache::{AnyKey, ConnectionNumber, History, L2Error, Primaries};
use chrono::{NaiveDateTime, TimeDelta};
use sea_orm::{ConnectionTrait, DbBackend};
use tracing::{debug, warn};

use super::delay;
use super::marker::Relayed;
use super::relay::{RelayError, RelaySettings};
use super::row::{OutboxRow, Target};
use super::rows::{self, Ages, Histories, Needed};
use crate::cached::{self, BillingCache, RegisteredType};
use crate::{database, failpoint};

/// Rows of one statement.
const BATCH: usize = 500;
/// A mark can be seen at most so long after the time it carries.
const MARK_DELAY: TimeDelta = TimeDelta::seconds(10);

/// One pass over the outbox.
pub(super) struct Pass<'a> {
    cache: &'a BillingCache,
    settings: &'a RelaySettings,
    /// The servers that were connected when it began.
    primaries: &'a Primaries,
    /// Whether it is a replay: only then is a type cleared while a part of a cluster is away, on those that are there.
    is_replay: bool,
    /// Those servers that could not be told something, and are left alone for the rest of the pass.
    failed: BTreeSet<ConnectionNumber>,
    /// Whether a type could not be cleared.
    is_uncleared: bool,
    /// What waits for its type to be cleared.
    put_aside: BTreeMap<&'static str, PutAside>,
}

/// Rows that are applied by clearing their type.
#[derive(Default)]
struct PutAside {
    ages: Ages,
    /// How many of them name a key that cannot be told.
    unreadable: usize,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        cache: &'a BillingCache,
        settings: &'a RelaySettings,
        primaries: &'a Primaries,
        is_replay: bool,
    ) -> Self {
        let (failed, put_aside) = (BTreeSet::new(), BTreeMap::new());
        Self { cache, settings, primaries, is_replay, failed, is_uncleared: false, put_aside }
    }

    /// Whether something was not done that could have been.
    pub(super) fn is_left(&self) -> bool {
        self.is_uncleared || !self.failed.is_empty()
    }

    /// Whether a type that had to be cleared was not.
    pub(super) fn is_uncleared(&self) -> bool {
        self.is_uncleared
    }

    /// Whether this server could not be told something.
    pub(super) fn has_failed(&self, server: ConnectionNumber) -> bool {
        self.failed.contains(&server)
    }

    pub(super) fn result(&self) -> Result<(), RelayError> {
        if self.is_left() { Err(RelayError::Redis(L2Error::Away)) } else { Ok(()) }
    }

    /// Applies every row that is needed; says how many. Starts from the lowest id each time, because a row may become
    /// visible after one with a higher id. Ends with the highest id there is now: writers add rows faster than a pass takes
    /// them, and what they acknowledge from now on they tell the servers that are connected now.
    pub(super) async fn relay(&mut self, needed: &Needed) -> Result<u64, RelayError> {
        let last = rows::last_id(self.cache.source().connection()).await?;
        self.put_crowded_types_aside(needed).await?;
        let mut relayed = self.clear_put_aside().await?;
        let mut next = i64::MIN;
        while let Some((taken, rows)) = self.relay_batch(needed, next..=last).await? {
            next = taken.saturating_add(1);
            relayed += rows;
            if self.primaries.iter().all(|primary| self.failed.contains(&primary.connection)) {
                self.result()?;
            }
        }
        Ok(relayed + self.clear_put_aside().await?)
    }

    /// Applies what was marked since the last look as applied to another history: during a failover some processes still
    /// write to the old primary, and what they acknowledge after the replay only the old primary was told. Answers the ids.
    ///
    /// They keep their marks, if they have any: the relays of the old primary apply the marks of the new one in the same way,
    /// and would otherwise mark each other's rows by turns.
    pub(super) async fn relay_applied_elsewhere(
        &mut self,
        told: &BTreeSet<i64>,
        looked: NaiveDateTime,
    ) -> Result<BTreeSet<i64>, RelayError> {
        let histories = Histories::of(self.primaries);
        // A server that hides its history gets the whole window at every connection instead.
        if !histories.are_known() {
            return Ok(BTreeSet::new());
        }
        let needed = Needed::AppliedElsewhere { than: histories, since: looked - MARK_DELAY };
        let rows = rows::all(self.cache.source().connection(), &needed).await?;
        let (told, new): (Vec<OutboxRow>, Vec<OutboxRow>) = rows.into_iter().partition(|row| told.contains(&row.id));
        let mut told: BTreeSet<i64> = told.into_iter().map(|row| row.id).collect();
        let unmarked: BTreeSet<i64> = new.iter().filter(|row| row.redis_history.is_none()).map(|row| row.id).collect();
        let mut relayed = Vec::new();
        for batch in new.chunks(BATCH) {
            relayed.extend(self.apply(batch).await);
        }
        for (cache_type, put_aside) in std::mem::take(&mut self.put_aside) {
            let ids = put_aside.ages.into_keys().collect();
            relayed.extend(self.clear(cache_type).await.map(|history| (history, ids)));
        }
        for (history, ids) in relayed {
            // Another history than that of the replay is found by the next look, which replays.
            if history.is_some() {
                let ids = ids.intersection(&unmarked).copied().collect();
                rows::mark_relayed(self.cache.source().connection(), &ids, history.as_ref()).await?;
            }
            told.extend(ids);
        }
        Ok(told)
    }

    /// Types with more rows than are worth applying one by one. Not while a part of a cluster is away, which would have to be
    /// cleared too; and not of all rows, few of which are needed.
    async fn put_crowded_types_aside(&mut self, needed: &Needed) -> Result<(), RelayError> {
        if !self.primaries.are_all() || matches!(needed, Needed::Everything) {
            return Ok(());
        }
        let connection = self.cache.source().connection();
        for (cache_type, count) in rows::count_by_type(connection, needed).await? {
            let Some(cached) = cached::find(&cache_type) else { continue };
            if count > self.settings.clear_type_above {
                // The ids first: a row that comes while the type is cleared may be about a value filled after its turn.
                let ages = rows::ages_of_type(connection, needed, &cache_type).await?;
                self.put_aside.entry(cached.info().name).or_default().ages.extend(ages);
            }
        }
        Ok(())
    }

    /// Clears each type once, and marks the rows that were put aside for that; says how many.
    async fn clear_put_aside(&mut self) -> Result<u64, RelayError> {
        let mut relayed = 0;
        for (cache_type, PutAside { ages, unreadable }) in std::mem::take(&mut self.put_aside) {
            if unreadable > 0 {
                let first = ages.keys().next();
                warn!(cache_type, rows = unreadable, first, "rows name keys that cannot be told: the type is cleared");
            }
            let read = Instant::now();
            let Some(history) = self.clear(cache_type).await else { continue };
            let told_after = read.elapsed();
            let ids = ages.keys().copied().collect();
            rows::mark_relayed(self.cache.source().connection(), &ids, history.as_ref()).await?;
            ages.values().flatten().for_each(|age| delay::record_of_relay(self.cache, cache_type, *age + told_after));
            relayed += ids.len() as u64;
        }
        Ok(relayed)
    }

    /// Applies the next rows among these ids; answers the last id and how many, or nothing at the end. PostgreSQL's locks keep
    /// two relays from doing the same work with pending rows; else it may be done twice, which does no harm.
    async fn relay_batch(
        &mut self,
        needed: &Needed,
        ids: RangeInclusive<i64>,
    ) -> Result<Option<(i64, u64)>, RelayError> {
        match (self.cache.source().backend(), needed) {
            (DbBackend::Postgres, Needed::Pending { .. }) => {
                let transaction = self.cache.source().begin_write().await?;
                let done = self.relay_rows(&transaction, needed, ids).await?;
                database::commit(transaction).await?;
                Ok(done)
            }
            _ => self.relay_rows(self.cache.source().connection(), needed, ids).await,
        }
    }

    async fn relay_rows<C: ConnectionTrait>(
        &mut self,
        connection: &C,
        needed: &Needed,
        ids: RangeInclusive<i64>,
    ) -> Result<Option<(i64, u64)>, RelayError> {
        let mut taken = rows::take(connection, needed, ids, BATCH as u64).await?;
        let read = Instant::now();
        let Some(last) = taken.last().map(|row| row.id) else { return Ok(None) };
        taken.retain(|row| self.is_needed(row));
        let relayed = self.apply(&taken).await;
        let told_after = read.elapsed();
        failpoint::hit("relay_before_mark");
        let mut told = BTreeSet::new();
        for (history, ids) in relayed {
            rows::mark_relayed(connection, &ids, history.as_ref()).await?;
            told.extend(ids);
        }
        self.record_delays(taken.iter().filter(|row| told.contains(&row.id)), told_after);
        Ok(Some((last, told.len() as u64)))
    }

    fn record_delays<'r>(&self, told: impl Iterator<Item = &'r OutboxRow>, after: Duration) {
        for row in told.filter(|row| row.is_pending) {
            // What another program wrote may be no time; then it has no age.
            row.age.iter().for_each(|age| delay::record_of_relay(self.cache, &row.cache_type, *age + after));
        }
    }

    /// Whether the row is pending, or was applied to another history than that which its key is in now.
    fn is_needed(&self, row: &OutboxRow) -> bool {
        let carries = |history: &History| row.redis_history.as_deref() == Some(history.as_str());
        let of_key = match row.target(self.cache) {
            _ if row.is_pending => return true,
            Target::Key(key) => self.primaries.of_key(&key).and_then(|primary| primary.history.as_ref()),
            Target::WholeType(_) | Target::Unreadable(_) | Target::Nothing | Target::UnknownType => None,
        };
        !of_key.is_some_and(carries) && !self.primaries.history_of_all().as_ref().is_some_and(carries)
    }

    /// Tells Redis what the rows say, each key once, and puts aside those for which a type has to be cleared. Answers the rows
    /// that it was told, by the history in which it was.
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
                Target::WholeType(name) | Target::Unreadable(name) => {
                    self.put_aside(name, row, matches!(target, Target::Unreadable(_)));
                    None
                }
                // Nothing was to be told; but a row without a history is never retired.
                Target::Nothing | Target::UnknownType => Some(self.primaries.history_of_all()),
            };
            if let Some(history) = history {
                relayed.entry(history).or_default().insert(row.id);
            }
        }
        relayed
    }

    fn put_aside(&mut self, cache_type: &'static str, row: &OutboxRow, is_unreadable: bool) {
        let put_aside = self.put_aside.entry(cache_type).or_default();
        put_aside.ages.insert(row.id, row.age.filter(|_| row.is_pending));
        put_aside.unreadable += usize::from(is_unreadable);
    }

    /// Whether the server that has this key is there, and has taken what it was told so far.
    fn is_reachable(&self, key: &AnyKey) -> bool {
        self.primaries.of_key(key).is_some_and(|primary| !self.failed.contains(&primary.connection))
    }

    /// Answers the history in which the type was cleared; nothing if it was not everywhere, and has still to be.
    async fn clear(&mut self, cache_type: &str) -> Option<Option<History>> {
        if !self.is_replay && !self.primaries.are_all() {
            // It waits, as the rows of that part of the cluster do.
            return None;
        }
        let types: Vec<_> = cached::find(cache_type).into_iter().map(RegisteredType::info).collect();
        match self.cache.clear_on_record(&types).await {
            Ok(cleared) => cleared.everywhere.then_some(cleared.history),
            Err(error) => {
                debug!(cache_type, error = &error as &dyn std::error::Error, "the type could not be cleared");
                self.is_uncleared = true;
                None
            }
        }
    }
}
