//! A read of many keys. A batch takes one round trip to Redis for cached values, and for the others one more and one
//! database snapshot.
//!
//! Used by services for lists.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use futures_util::{StreamExt, stream};
use tracing::{Instrument, trace_span};

use super::answer::{Answer, Cached, ReadError, Tier, event_of};
use super::cache::Cache;
use super::decode::{Reading, reading};
use super::fill_many::{ErrorOf, Grant};
use super::one::Place;
use super::operation_log;
use super::type_state::note_redis_error;
use crate::counting::miss_reason::Missed;
use crate::counting::sampling::{self, Sampled};
use crate::declaration::cached_type::{CachedType, Source};
use crate::memory::epoch::Stamp;
use crate::protocol::acquire::{Acquired, acquire_many};
use crate::protocol::lease::Mode;
use crate::protocol::lookup;

/// Number of single reads that run at once for keys that a batch could not answer.
const SINGLE_READS: usize = 16;

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
            match stored.map(|stored| (reading::<T>(&state.decoded, &key, &text, &stored.json), stored)) {
                Some((Reading::Value(value), stored)) => {
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
        let filled = self.load_and_fill_many(granted).await?;
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

    async fn read_singly<T: CachedType<Source = S>>(&self, keys: Vec<T::Key>, found: &mut Found<T>) {
        let reads = stream::iter(keys).map(|key| async move {
            let text = self.key_text::<T>(&key);
            let answer: Answer<T> = self.read(self.state::<T>(), &key, &text, Sampled::No).await;
            (key, answer)
        });
        let read: Vec<_> = reads.buffer_unordered(SINGLE_READS).collect().await;
        found.extend(read);
    }
}

/// A key that L1 does not have.
struct Wanted<T: CachedType> {
    key: T::Key,
    text: String,
    /// The epoch, noted before anything else was asked about the key.
    stamp: Stamp,
}

/// The answers of a batch of reads, or why the load failed.
type Answers<T> = Result<Vec<(<T as CachedType>::Key, Answer<T>)>, ReadError<ErrorOf<T>>>;

/// The answers found for a batch so far.
type Found<T> = HashMap<<T as CachedType>::Key, Answer<T>>;

/// The results for the keys of a batch that were not cached.
struct LoadedMany<T: CachedType> {
    answers: Vec<(T::Key, Answer<T>)>,
    /// Keys left for the path of one key, which can wait.
    singly: Vec<T::Key>,
}
