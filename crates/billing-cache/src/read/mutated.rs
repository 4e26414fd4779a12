//! What a read does without one part of the protocol, where taking something out of the code is not enough.
//!
//! Compiled in only with the feature `mutations` (`crate::mutation`). Used by the read of one key and its leader,
//! invalidation, and the fills of a batch.

use std::time::Duration;

use super::answer::Answer;
use super::cache::Cache;
use super::fill_many::Grant;
use super::leader::Pilot;
use super::shared::Shared;
use crate::clock::Moment;
use crate::declaration::cached_type::{CachedType, Source};
use crate::memory::epoch::Stamp;
use crate::mutation::keeps;
use crate::protocol::acquire::{Acquired, acquire, acquire_many};
use crate::protocol::lease::{Mode, Token};
use crate::protocol::lookup::{Stored, TimeLeft};

/// How long the code pauses where its order is wrong, so that a test meets it.
const TIME_FOR_OTHERS: Duration = Duration::from_secs(1);

/// Advances the epochs before the keys are unconfirmed, with time for readers in between.
pub(super) async fn forget_too_early(shared: &Shared, texts: &[String]) {
    if !keeps("suspect-before-stamps") {
        shared.forget(texts);
        tokio::time::sleep(TIME_FOR_OTHERS).await;
    }
}

impl<T: CachedType> Pilot<T> {
    /// Takes a lease after the load if the first one was revoked meanwhile, so that the snapshot is older than the
    /// lease.
    pub(super) async fn lease_after_load(&self, token: Token) -> Token {
        if keeps("acquire-before-snapshot") {
            return token;
        }
        match acquire(&self.cache.shared().shards, &self.text, Mode::Read, self.cache.lease_ttl()).await {
            Ok(Acquired::Granted(later)) => later,
            _ => token,
        }
    }

    /// Puts a value into L1 that Redis does not have.
    pub(super) fn keep_without(&self, part: &str, answer: &Answer<T>) {
        if let (false, Ok(cached)) = (keeps(part), answer) {
            let stamp = self.cache.shared().guard.stamps.current(&self.text);
            let stored = Stored { json: Vec::new(), left: TimeLeft::NotAsked, asked: Moment::now() };
            self.cache.state::<T>().keep(&self.key, cached.value.as_ref(), stamp, &stored);
        }
    }
}

impl<S: Source> Cache<S> {
    /// Notes the epoch after unconfirmed keys were checked, with time for writers in between.
    pub(super) async fn stamp_after_suspects(&self, text: &str, noted: Stamp) -> Stamp {
        if keeps("stamp-before-suspects") {
            return noted;
        }
        tokio::time::sleep(TIME_FOR_OTHERS).await;
        self.shared().guard.stamps.current(text)
    }

    /// Notes the epoch when Redis has answered.
    pub(super) fn stamp_after_get(&self, text: &str, noted: Stamp) -> Stamp {
        if keeps("stamp-before-get") { noted } else { self.shared().guard.stamps.current(text) }
    }

    /// Takes those leases of a batch after its load that were revoked meanwhile.
    pub(super) async fn leases_after_load<T: CachedType<Source = S>>(
        &self,
        mut granted: Vec<Grant<T>>,
    ) -> Vec<Grant<T>> {
        if keeps("snapshot-after-all-answers") {
            return granted;
        }
        let texts: Vec<String> = granted.iter().map(|grant| grant.text.clone()).collect();
        let later = acquire_many(&self.shared().shards, &texts, Mode::Warm, self.lease_ttl()).await;
        for (grant, later) in granted.iter_mut().zip(later.answers) {
            if let Some(Acquired::Granted(later)) = later {
                grant.token = later;
            }
        }
        granted
    }
}
