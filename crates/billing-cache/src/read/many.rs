//! Many keys at once: a read of many, and warm-up. A batch takes two round trips to Redis and one database snapshot.
//!
//! Invariants (`protocol.md`, "Warm-up and clear"): the snapshot begins after the answers to all leases of the batch.
//! Tokens are fresh for every batch. A warm-up never replaces a value and never delays a reader, which may take its
//! lease over. Only a renewal replaces a value, under a lease like refresh ahead: an invalidation meanwhile makes its
//! fill lost.
//!
//! Used by services for lists, and by warm-up.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, future, stream};
use tracing::{Instrument, debug, trace_span};

use super::answer::{Answer, Cached, ReadError, Tier, event_of};
use super::cache::Cache;
use super::decode::{Reading, reading};
use super::one::Place;
use super::operation_log;
use super::type_state::{TypeState, note_redis_error};
use crate::clock::{micros, millis};
use crate::connection::error::{L2Error, RedisUnreachable, advice};
use crate::counting::event::Event;
use crate::counting::miss_reason::Missed;
use crate::counting::sampling::{self, Sampled};
use crate::declaration::cached_type::{CachedType, Source};
use crate::memory::epoch::Stamp;
use crate::protocol::acquire::{Acquired, acquire_many};
use crate::protocol::fill::{self, Fill, Filled};
use crate::protocol::lease::{Mode, Token};
use crate::protocol::{invalidate, lookup};

/// Number of single reads that run at once for keys that a batch could not answer.
const SINGLE_READS: usize = 16;

/// The result of a warm-up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarmedUp {
    /// Values loaded and stored.
    pub stored: usize,
    /// Keys skipped, because they were cached already or a reader is loading them.
    pub skipped: usize,
    /// Values not stored: invalidated or taken over meanwhile, past their validity, or refused by Redis.
    pub not_stored: usize,
    /// The first key that Redis refused, the error, and what to check.
    pub first_refusal: Option<String>,
    /// Keys not loaded, because the source could not make their values. The other keys were loaded.
    pub failed: usize,
    /// The key and the error of the first failure.
    pub first_failure: Option<String>,
}

impl std::ops::AddAssign for WarmedUp {
    fn add_assign(&mut self, other: Self) {
        self.stored += other.stored;
        self.skipped += other.skipped;
        self.not_stored += other.not_stored;
        self.first_refusal = self.first_refusal.take().or(other.first_refusal);
        self.failed += other.failed;
        self.first_failure = self.first_failure.take().or(other.first_failure);
    }
}

/// Why a warm-up stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WarmUpError<E: std::error::Error + 'static> {
    /// The source could not give the values.
    #[error(transparent)]
    Load(#[from] ReadError<E>),
    /// Redis could not be used.
    #[error(transparent)]
    Redis(#[from] RedisUnreachable),
}

impl<S: Source> Cache<S> {
    /// Reads many values, in the order of `keys`: one round trip for cached values, one snapshot for the others.
    ///
    /// May be dropped at any await; a load that has begun still fills the cache.
    ///
    /// # Errors
    /// Only those of the loader, including the error of a single key.
    pub async fn get_many<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
    ) -> Result<Vec<Cached<T::Value>>, ReadError<S::Error>> {
        let answers = self.get_each::<T>(keys).await?;
        answers.into_iter().collect()
    }

    /// Reads many values like [`get_many`](Self::get_many), each with its own result: a key whose value cannot be made
    /// does not make the other keys fail.
    ///
    /// # Errors
    /// Those of a load as a whole.
    pub async fn get_each<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
    ) -> Result<Vec<Answer<T>>, ReadError<S::Error>> {
        let started = Instant::now();
        let mut found: Found<T> = HashMap::with_capacity(keys.len());
        for batch in keys.chunks(self.shared().settings.batch_size) {
            let span = trace_span!("get_many", cache_type = T::NAME, keys = batch.len());
            self.read_batch::<T>(batch, &mut found).instrument(span).await?;
        }
        let state = self.state::<T>();
        let answers: Vec<_> = keys.iter().map(|key| found[key].clone()).collect();
        for cached in answers.iter().flatten() {
            state.counters.add(event_of(cached.tier));
        }
        operation_log::got_many::<T>(&answers, started, |place| self.key_text::<T>(&keys[place]));
        Ok(answers)
    }

    /// Number of keys that a warm-up loads at once. With fewer keys at a time the whole takes longer.
    #[must_use]
    pub fn warm_up_size(&self) -> usize {
        self.batch_size() * 2
    }

    fn batch_size(&self) -> usize {
        self.shared().settings.batch_size
    }

    /// Loads and stores those of `keys` that are not cached, two batches of `cache.batch_size` at a time. `progress` is
    /// called after each batch.
    ///
    /// # Errors
    /// The source failed or Redis is away. Earlier batches stay stored.
    pub async fn warm_up<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
        progress: &mut (dyn FnMut(WarmedUp) + Send),
    ) -> Result<WarmedUp, WarmUpError<S::Error>> {
        self.fill_batches::<T>(keys, Mode::Warm, progress).await
    }

    /// Loads all of `keys` again, cached or not, like [`warm_up`](Self::warm_up). Old values are served meanwhile.
    ///
    /// # Errors
    /// Those of a warm-up. A value that could not be loaded stays as it is.
    pub async fn renew<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
        progress: &mut (dyn FnMut(WarmedUp) + Send),
    ) -> Result<WarmedUp, WarmUpError<S::Error>> {
        self.fill_batches::<T>(keys, Mode::Renew, progress).await
    }

    async fn fill_batches<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
        mode: Mode,
        progress: &mut (dyn FnMut(WarmedUp) + Send),
    ) -> Result<WarmedUp, WarmUpError<S::Error>> {
        let mut total = WarmedUp::default();
        for two in keys.chunks(self.warm_up_size()) {
            let (one, other) = two.split_at(two.len().min(self.batch_size()));
            // While one batch is loaded, the other is encoded and stored. If one fails, the other still completes.
            let (one, other) = future::join(self.fill_batch::<T>(one, mode), self.fill_batch::<T>(other, mode)).await;
            for warmed in [one?, other?].into_iter().filter(|warmed| *warmed != WarmedUp::default()) {
                progress(warmed.clone());
                total += warmed;
            }
        }
        Ok(total)
    }

    async fn fill_batch<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
        mode: Mode,
    ) -> Result<WarmedUp, WarmUpError<S::Error>> {
        if keys.is_empty() {
            return Ok(WarmedUp::default());
        }
        let Leases { granted, skipped, refused, first_refusal } = self.lease_batch::<T>(keys, mode).await?;
        let started = Instant::now();
        let filled = self.load_and_fill_many(granted, mode).await?;
        let mut failures = filled.iter().filter_map(|(key, loaded, _)| Some((key, loaded.as_ref().err()?)));
        let first_failure = failures.next().map(|(key, error)| format!("{}: {error}", self.key_text::<T>(key)));
        let failed = usize::from(first_failure.is_some()) + failures.count();
        let stored = filled.iter().filter(|(_, _, filled)| *filled == Filled::Stored).count();
        let not_stored = filled.len() - failed - stored + refused;
        debug!(cache_type = T::NAME, stored, skipped, not_stored, failed, elapsed_us = micros(started), "warm up");
        Ok(WarmedUp { stored, skipped, not_stored, first_refusal, failed, first_failure })
    }

    /// Keys on a shard that is away count as refused, like keys that a full server does not store.
    async fn lease_batch<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
        mode: Mode,
    ) -> Result<Leases<T>, RedisUnreachable> {
        let shards = &self.shared().shards;
        let texts: Vec<String> = keys.iter().map(|key| self.key_text::<T>(key)).collect();
        let acquired = acquire_many(shards, &texts, mode, self.lease_ttl()).await;
        let all_are_away = acquired.answers.iter().all(Option::is_none);
        if let Some(error) = acquired.error {
            if all_are_away {
                return Err(shards.unreachable(error));
            }
            note_redis_error(self.state::<T>(), &texts[0], &error);
        }
        let (mut granted, mut refusals, mut skipped) = (Vec::new(), Vec::new(), 0);
        for ((key, text), answer) in keys.iter().cloned().zip(texts).zip(acquired.answers) {
            match answer.unwrap_or(Acquired::Refused(L2Error::Away)) {
                Acquired::Granted(token) => granted.push(Grant { key, text, token }),
                Acquired::Refused(error) => refusals.push((text, error)),
                Acquired::Hit(_) | Acquired::Present | Acquired::Contended => skipped += 1,
            }
        }
        let refused = refusals.len();
        let first_refusal = match refusals.into_iter().next() {
            // The user lacks a right, so all other values of the type would be refused too.
            Some((_, error)) if refused == keys.len() && error.is_refusal() => return Err(shards.unreachable(error)),
            first => first.map(|(text, error)| format!("{text}: {error}; {}", advice(&error))),
        };
        Ok(Leases { granted, skipped, refused, first_refusal })
    }

    async fn read_batch<T: CachedType<Source = S>>(
        &self,
        keys: &[T::Key],
        found: &mut Found<T>,
    ) -> Result<(), ReadError<S::Error>> {
        let state = self.state::<T>();
        let mut wanted: HashSet<&T::Key> = keys.iter().filter(|key| !found.contains_key(*key)).collect();
        wanted.retain(|key| {
            self.note(state, key, sampling::toss());
            match self.look_into_l1(state, key) {
                Some(value) => {
                    found.insert((*key).clone(), Ok(Cached { value, tier: Tier::L1 }));
                    false
                }
                None => true,
            }
        });
        if state.past_cache.is_on() {
            found.extend(self.bypass_many::<T>(wanted.into_iter().cloned().collect()).await?);
            return Ok(());
        }
        // Epochs are noted before unconfirmed keys are checked: if a write of this process makes a key unconfirmed
        // after the check, the key has another epoch then, and the old value that Redis answers does not count in L1.
        let wanted = wanted.into_iter().map(|key| {
            let text = self.key_text::<T>(key);
            Wanted::<T> { key: key.clone(), stamp: self.shared().guard.stamps.current(&text), text }
        });
        let (suspect, wanted): (Vec<_>, Vec<_>) = wanted.partition(|it| self.shared().suspects.contains(&it.text));
        let mut singly: Vec<T::Key> = suspect.into_iter().map(|it| it.key).collect();
        let (missing, unusable) = self.look_up_many::<T>(wanted, found).await;
        singly.extend(self.load_missing::<T>(missing, found).await?);
        found.extend(self.bypass_many::<T>(unusable).await?);
        self.read_singly::<T>(singly, found).await;
        Ok(())
    }

    /// Looks all keys up in Redis. Returns the keys that are missing there, and the keys that could not be asked for.
    async fn look_up_many<T: CachedType<Source = S>>(
        &self,
        wanted: Vec<Wanted<T>>,
        found: &mut Found<T>,
    ) -> (Vec<(T::Key, String)>, Vec<T::Key>) {
        let (mut missing, mut unusable) = (Vec::new(), Vec::new());
        if wanted.is_empty() {
            return (missing, unusable);
        }
        let (state, shared) = (self.state::<T>(), self.shared());
        let texts: Vec<String> = wanted.iter().map(|it| it.text.clone()).collect();
        let what = if state.l1.is_some() { lookup::Wanted::ValuesWithTtl } else { lookup::Wanted::Values };
        let values = lookup::get_many(&shared.shards, &texts, what).await;
        if let Some(error) = &values.error {
            note_redis_error(state, &texts[0], error);
            let unread = texts.iter().zip(&values.answers).filter(|(_, answer)| answer.is_none());
            shared.suspect_oversize(error, unread.map(|(text, _)| text.clone()).collect());
        }
        for (Wanted { key, text, stamp }, answer) in wanted.into_iter().zip(values.answers) {
            let Some(stored) = answer else {
                unusable.push(key);
                continue;
            };
            match stored.map(|stored| (reading::<T>(&key, &text, &stored.json), stored)) {
                Some((Reading::Value(value), stored)) => {
                    let value = value.map(Arc::new);
                    self.take_in(state, Place { key: &key, text: &text, stamp }, value.as_ref(), &stored);
                    found.insert(key, Ok(Cached { value, tier: Tier::L2 }));
                }
                _ => missing.push((key, text)),
            }
        }
        (missing, unusable)
    }

    /// Leases, load and fills, in a separate task: a caller that is dropped leaves no lease that others would wait for.
    /// Returns the keys that are left for the path of one key.
    async fn load_missing<T: CachedType<Source = S>>(
        &self,
        missing: Vec<(T::Key, String)>,
        found: &mut Found<T>,
    ) -> Result<Vec<T::Key>, ReadError<S::Error>> {
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let cache = self.clone();
        let task = tokio::spawn(async move { cache.acquire_and_load::<T>(missing).await }.in_current_span());
        let loaded = task.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        found.extend(loaded.answers);
        Ok(loaded.singly)
    }

    /// An answer covers its caller, which came before the load began, even if it could not be stored.
    async fn acquire_and_load<T: CachedType<Source = S>>(
        &self,
        missing: Vec<(T::Key, String)>,
    ) -> Result<LoadedMany<T>, ReadError<S::Error>> {
        let texts: Vec<String> = missing.iter().map(|(_, text)| text.clone()).collect();
        let acquired = acquire_many(&self.shared().shards, &texts, Mode::Read, self.lease_ttl()).await;
        if let Some(error) = &acquired.error {
            note_redis_error(self.state::<T>(), texts.first().map_or("", String::as_str), error);
            let unread = texts.iter().zip(&acquired.answers).filter(|(_, answer)| answer.is_none());
            self.shared().suspect_oversize(error, unread.map(|(text, _)| text.clone()).collect());
        }
        let (mut granted, mut singly, mut unusable) = (Vec::new(), Vec::new(), Vec::new());
        for ((key, text), acquired) in missing.into_iter().zip(acquired.answers) {
            match acquired {
                Some(Acquired::Granted(token)) => granted.push(Grant::<T> { key, text, token }),
                // The path of one key handles a value that came in between, a value that does not decode, and a key
                // that has moved.
                Some(_) => singly.push(key),
                None => unusable.push(key),
            }
        }
        let bypassed = self.bypass_many::<T>(unusable).await;
        let why_missed = |grant: &Grant<T>| self.shared().known.why_missed(&grant.text, self.state::<T>().longest_ms());
        let missed: Vec<Missed> = granted.iter().map(why_missed).collect();
        let filled = self.load_and_fill_many(granted, Mode::Read).await?;
        missed.into_iter().for_each(|missed| self.state::<T>().counters.add(missed.event()));
        let loaded =
            filled.into_iter().map(|(key, value, _)| (key, value.map(|value| Cached::new(value, Tier::Loaded))));
        let answers = loaded.chain(bypassed?).collect();
        Ok(LoadedMany { answers, singly })
    }

    async fn bypass_many<T: CachedType<Source = S>>(&self, keys: Vec<T::Key>) -> Answers<T> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut loaded = self.load::<T>(&keys).await?;
        let mut answer = |key: T::Key| {
            let loaded = self.take::<T>(&mut loaded, &key);
            (key, loaded.map(|loaded| Cached::new(loaded.value, Tier::Bypassed)))
        };
        Ok(keys.into_iter().map(&mut answer).collect())
    }

    async fn load_and_fill_many<T: CachedType<Source = S>>(&self, granted: Vec<Grant<T>>, mode: Mode) -> FilledMany<T> {
        let keys: Vec<T::Key> = granted.iter().map(|grant| grant.key.clone()).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut loaded = match self.load::<T>(&keys).await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.give_leases_back(granted.into_iter().map(|grant| grant.text).collect(), mode).await;
                return Err(error);
            }
        };
        let state = self.state::<T>();
        let (mut fills, mut past, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for grant in granted {
            let loaded = self.take::<T>(&mut loaded, &grant.key);
            let fill = loaded.as_ref().ok().and_then(|loaded| {
                let ttl = state.policy.ttl_of(loaded, self.shared().shards.batch_limit())?;
                Some(grant.fill(loaded.value.as_ref(), ttl))
            });
            match fill.filter(|fill| self.may_store(state, fill)) {
                Some(fill) => fills.push((outcomes.len(), fill)),
                None => past.push(grant.text),
            }
            outcomes.push((grant.key, loaded.map(|loaded| loaded.value), Filled::Lost));
        }
        let (places, fills): (Vec<usize>, Vec<Fill>) = fills.into_iter().unzip();
        let mut unused = past;
        for ((place, fill), filled) in places.into_iter().zip(&fills).zip(self.store_many(state, &fills).await) {
            outcomes[place].2 = filled;
            if filled == Filled::Elsewhere {
                unused.push(fill.key.clone());
            }
        }
        self.give_leases_back(unused, mode).await;
        Ok(outcomes)
    }

    /// Whether the value is small enough. A value that is too large is counted.
    pub(crate) fn may_store<T: CachedType<Source = S>>(&self, state: &TypeState<T>, fill: &Fill) -> bool {
        let fits = self.shared().fits(&fill.json);
        if !fits {
            state.counters.add(Event::FillLost);
            debug!(
                cache_type = T::NAME,
                key = fill.key,
                "a value is larger than cache.max_value_bytes, and not stored"
            );
        }
        fits
    }

    async fn store_many<T: CachedType<Source = S>>(&self, state: &TypeState<T>, fills: &[Fill]) -> Vec<Filled> {
        let filled = fill::fill_many(&self.shared().shards, fills).await;
        if let Some(error) = &filled.error {
            note_redis_error(state, fills.first().map_or("", |fill| fill.key.as_str()), error);
        }
        let filled: Vec<Filled> = filled.answers.into_iter().map(|answer| answer.unwrap_or(Filled::Lost)).collect();
        let is_stored = |filled: &Filled| *filled == Filled::Stored;
        for (fill, _) in fills.iter().zip(&filled).filter(|(_, filled)| is_stored(filled)) {
            self.shared().known.stored(&fill.key, millis(fill.ttl));
        }
        let stored = filled.iter().filter(|filled| is_stored(filled)).count();
        state.counters.add_many(Event::FillStored, stored);
        state.counters.add_many(Event::FillLost, filled.len() - stored);
        filled
    }

    /// Nothing will be filled, so other readers need not wait. This also removes existing values. So the leases of a
    /// renewal, for which no reader waits, are left to expire.
    async fn give_leases_back(&self, keys: Vec<String>, mode: Mode) {
        if mode == Mode::Renew || keys.is_empty() {
            return;
        }
        let shards = &self.shared().shards;
        if let Some(error) = invalidate::invalidate(shards, &keys, shards.command_limit()).await.error {
            debug!(%error, "leases are left to expire");
        }
    }

    async fn read_singly<T: CachedType<Source = S>>(&self, keys: Vec<T::Key>, found: &mut Found<T>) {
        let reads = stream::iter(keys).map(|key| async move {
            let text = self.key_text::<T>(&key);
            let answer: Answer<T> = self.read(self.state::<T>(), &key, &text, Sampled::No).await;
            (key, answer)
        });
        let read: Vec<_> = reads.buffer_unordered(SINGLE_READS).collect().await;
        found.extend(read);
    }

    fn lease_ttl(&self) -> Duration {
        Duration::from_millis(self.shared().settings.lease_ttl_ms)
    }
}

/// The result for one key of a batch.
type FilledOne<T> = (<T as CachedType>::Key, Result<Option<<T as CachedType>::Value>, ReadError<ErrorOf<T>>>, Filled);

/// The result for each key of a batch, or why the load failed.
type FilledMany<T> = Result<Vec<FilledOne<T>>, ReadError<ErrorOf<T>>>;

/// A key that L1 does not have.
struct Wanted<T: CachedType> {
    key: T::Key,
    text: String,
    /// The epoch, noted before anything else was asked about the key.
    stamp: Stamp,
}

/// The results of asking for the leases of a batch.
struct Leases<T: CachedType> {
    granted: Vec<Grant<T>>,
    skipped: usize,
    refused: usize,
    first_refusal: Option<String>,
}

/// A key of the batch that this process may fill.
struct Grant<T: CachedType> {
    key: T::Key,
    text: String,
    token: Token,
}

impl<T: CachedType> Grant<T> {
    fn fill(&self, value: Option<&T::Value>, ttl: Duration) -> Fill {
        let json = serde_json::to_vec(&value).expect("a snapshot struct has a JSON form");
        Fill { key: self.text.clone(), token: self.token.clone(), json, ttl }
    }
}

/// The answers of a batch of reads, or why the load failed.
type Answers<T> = Result<Vec<(<T as CachedType>::Key, Answer<T>)>, ReadError<ErrorOf<T>>>;

/// The answers found for a batch so far.
type Found<T> = HashMap<<T as CachedType>::Key, Answer<T>>;

type ErrorOf<T> = <<T as CachedType>::Source as Source>::Error;

/// The results for the keys of a batch that were not cached.
struct LoadedMany<T: CachedType> {
    answers: Vec<(T::Key, Answer<T>)>,
    /// Keys left for the path of one key, which can wait.
    singly: Vec<T::Key>,
}
