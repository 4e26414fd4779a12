//! Warm-up: fills of many keys that no reader waits for.
//!
//! Invariants (`protocol.md`, "Warm-up and clear"): a warm-up never replaces a value and never delays a reader, which
//! may take its lease over. Only a renewal replaces a value, under a lease like refresh ahead: an invalidation
//! meanwhile makes its fill lost.
//!
//! Used by `cache-admin warmup`.

use std::time::Instant;

use futures_util::future;
use tracing::debug;

use super::answer::ReadError;
use super::cache::Cache;
use super::fill_many::{FilledOne, Grant, Kept};
use super::type_state::note_redis_error;
use crate::clock::micros;
use crate::connection::error::{L2Error, RedisUnreachable, advice};
use crate::declaration::cached_type::{CachedType, Source};
use crate::protocol::acquire::{Acquired, acquire_many};
use crate::protocol::lease::Mode;

/// The result of a warm-up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WarmedUp {
    /// Values loaded and stored.
    pub stored: usize,
    /// Keys skipped, because they were cached already or a reader is loading them.
    pub skipped: usize,
    /// Values not stored: invalidated or taken over meanwhile, past their validity, too large, or refused by Redis.
    pub not_stored: usize,
    /// The first key whose value Redis refused, the error, and what to check; or the first whose value is larger than
    /// `cache.max_value_bytes`.
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

/// The results of asking for the leases of a batch.
struct Leases<T: CachedType> {
    granted: Vec<Grant<T>>,
    skipped: usize,
    refused: usize,
    first_refusal: Option<String>,
}

impl<S: Source> Cache<S> {
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
        let filled = self.load_and_fill_many(granted).await?;
        let mut failures = filled.iter().filter_map(|(key, loaded, _)| Some((key, loaded.as_ref().err()?)));
        let first_failure = failures.next().map(|(key, error)| format!("{}: {error}", self.key_text::<T>(key)));
        let failed = usize::from(first_failure.is_some()) + failures.count();
        let stored = filled.iter().filter(|(_, _, kept)| *kept == Kept::Stored).count();
        let too_large = |(key, _, kept): &FilledOne<T>| match kept {
            Kept::TooLarge { bytes } => Some(format!(
                "{}: its {bytes} bytes are more than cache.max_value_bytes, so each read of it loads from the database",
                self.key_text::<T>(key)
            )),
            Kept::Stored | Kept::NotStored => None,
        };
        let first_refusal = first_refusal.or_else(|| filled.iter().find_map(too_large));
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
}
