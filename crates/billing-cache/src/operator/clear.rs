//! Clear: an operator empties cached types. It removes exactly the keys of those types and their leases, and nothing
//! else.
//!
//! Used by `cache-admin clear` and the relay.

use std::time::Instant;

use redis::{Cmd, RedisResult, Value};
use tracing::debug;

use crate::clock::micros;
use crate::connection::error::RedisUnreachable;
use crate::declaration::cached_type::{Source, TypeInfo};
use crate::declaration::key::lease_of;
use crate::protocol::clear::{self, ClearMode, ClearRun, ClearStep, Cleared, ClearedOnRecord, PASSES, Scope};
use crate::protocol::invalidate;
use crate::protocol::rate_limit::Pace;
use crate::read::cache::Cache;

impl<S: Source> Cache<S> {
    /// Removes all values of these types and revokes the leases of loads in flight. Answers in the order of `types`.
    ///
    /// `progress` receives the number of names found in each step. If the future is dropped, what was removed stays
    /// removed.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn clear(
        &self,
        types: &[TypeInfo],
        mode: ClearMode,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Vec<Cleared>, RedisUnreachable> {
        let mut clearing = self.clearing(types, mode, Pace::unlimited()).await?;
        while let Some(step) = clearing.step().await? {
            progress(step.found);
        }
        Ok(clearing.cleared().to_vec())
    }

    /// Like [`clear`](Self::clear), step by step, to show progress or to stop early.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn clearing(
        &self,
        types: &[TypeInfo],
        mode: ClearMode,
        pace: Pace,
    ) -> Result<Clearing<S>, RedisUnreachable> {
        self.shared().shards.check().await?;
        Ok(Clearing { cache: self.clone(), run: ClearRun::new(types, mode, pace, Scope::Everywhere) })
    }

    /// Removes all values of these types on every primary that can be reached, and returns where and in which history,
    /// for a caller that records it.
    ///
    /// # Errors
    /// Redis cannot be used. What was removed stays removed.
    pub async fn clear_on_record(&self, types: &[TypeInfo]) -> Result<ClearedOnRecord, RedisUnreachable> {
        let shared = self.shared();
        let started = Instant::now();
        let cleared = clear::clear_on_record(shared.scanner(), types).await;
        shared.guard.stamps.bump_all();
        let outcome = if cleared.is_ok() { "cleared" } else { "failed" };
        for info in types {
            debug!(cache_type = info.name, outcome, elapsed_us = micros(started), "clear");
        }
        cleared.map_err(|error| shared.shards.unreachable(error))
    }

    /// Removes the values under these key texts and revokes their leases.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn clear_keys(&self, texts: &[String], mode: ClearMode) -> Result<Cleared, RedisUnreachable> {
        let shared = self.shared();
        let mut cleared = Cleared::default();
        for batch in texts.chunks(shared.settings.scan_count) {
            let counted = shared.shards.look_at(batch, |key| vec![exists(key), exists(&lease_of(key))]).await?;
            let is_there =
                |answers: &Vec<RedisResult<Value>>, at: usize| matches!(answers.get(at), Some(Ok(Value::Int(1))));
            cleared.keys += counted.iter().filter(|answers| is_there(answers, 0)).count() as u64;
            cleared.leases += counted.iter().filter(|answers| is_there(answers, 1)).count() as u64;
            if mode == ClearMode::Remove {
                let removed = invalidate::invalidate(&shared.shards, batch, shared.shards.batch_limit()).await;
                if let Some(error) = removed.error {
                    return Err(shared.shards.unreachable(error));
                }
            }
        }
        for key in texts {
            debug!(key, ?mode, "clear");
        }
        shared.guard.stamps.bump_all();
        Ok(cleared)
    }

    /// The text of the key of `info` with this id, such as `42` or `GB:default`; `None` if it is no id of that type.
    #[must_use]
    pub fn text_of_id(&self, info: &TypeInfo, id: &str) -> Option<String> {
        let separator = if info.parts.is_empty() { "" } else { ":" };
        let text = format!("{}{}{separator}{id}", self.space().prefix(), info.prefix);
        info.owns(self.space(), &text).then_some(text)
    }
}

/// A running clear. Dropping it stops it.
pub struct Clearing<S: Source> {
    cache: Cache<S>,
    run: ClearRun,
}

impl<S: Source> Clearing<S> {
    /// Takes one more round trip; `None` at the end.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn step(&mut self) -> Result<Option<ClearStep>, RedisUnreachable> {
        let shared = self.cache.shared();
        let step = self.run.step(shared.scanner()).await;
        step.map_err(|error| shared.shards.unreachable(error))
    }

    /// What was removed so far, or would be removed, in the order of the types.
    #[must_use]
    pub fn cleared(&self) -> &[Cleared] {
        self.run.walk().cleared()
    }

    /// Number of keys that all steps together examine in a database of `keys` keys.
    #[must_use]
    pub fn looks_at(&self, keys: u64) -> u64 {
        keys * PASSES
    }
}

impl<S: Source> Drop for Clearing<S> {
    /// Values that were removed must not stay in the memory of this process.
    fn drop(&mut self) {
        self.cache.shared().guard.stamps.bump_all();
        for (info, cleared) in self.run.walk().types().iter().zip(self.run.walk().cleared()) {
            debug!(cache_type = info.name, keys = cleared.keys, leases = cleared.leases, mode = ?self.run.walk().mode(), "clear");
        }
    }
}

fn exists(key: &str) -> Cmd {
    let mut command = redis::cmd("EXISTS");
    command.arg(key);
    command
}
