//! Audit: compares what is cached with the database, and reports how much of it is right.
//!
//! Invariants: it changes nothing, fills nothing, and counts nothing as a read of the cache. Its memory is constant,
//! however many keys there are. What it calls stale is stale, whatever is written meanwhile (`settle.rs` says why).
//!
//! The caller of an [`Audit`] may pause between its steps. It repairs what the audit finds with
//! [`Cache::invalidate`](billing_cache::Cache::invalidate).

mod look;
mod sample;
mod settle;
mod tally;
mod verdict;

use std::collections::{BTreeSet, VecDeque};

use billing_cache::{AnyKey, KeyWalk, Pace, WalkStep};

pub use crate::comparison::{Compared, Difference, Differences, Finding};
use look::{BATCH, Seen, look_at};
use sample::Sample;
pub use tally::{Confidence, Tally};
pub use verdict::{AuditError, Judged, Outcome};

use crate::application::DatabaseCache;
use crate::registry::RegisteredType;

/// Up to this number of values that differ are judged together: each is called stale only after a pause, and there may
/// be millions.
const SUSPECTS: usize = 2_000;

/// Which cached values are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All.
    All,
    /// This number of each type, picked at random with equal probability; all if there are fewer.
    Sample(usize),
}

/// A scan of cached values that judges each. Dropping it ends it, at any await.
#[derive(Debug)]
pub struct Audit {
    cache: DatabaseCache,
    /// Present until the scan has seen every key name.
    walk: Option<KeyWalk>,
    sample: Option<Sample>,
    pace: Pace,
    queue: VecDeque<AnyKey>,
    suspects: BTreeSet<AnyKey>,
}

/// The result of one step of an audit.
#[derive(Debug, Default)]
pub struct Step {
    /// Keys that Redis scanned, ours or not. With [`Extent::Sample`] the whole scan comes before the first verdict.
    pub looked_at: u64,
    /// Values that were judged. Those that differ are judged at the end, or when many have gathered.
    pub judged: Vec<Judged>,
}

impl Audit {
    /// Begins an audit of these types.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn begin(
        cache: &DatabaseCache,
        types: &[&dyn RegisteredType],
        extent: Extent,
        pace: Pace,
    ) -> Result<Self, AuditError> {
        let infos: Vec<_> = types.iter().map(|cached| cached.info()).collect();
        let (sample, walk_pace) = match extent {
            // The scan waits for the comparisons, so they set its pace.
            Extent::All => (None, Pace::unlimited()),
            Extent::Sample(size) => (Some(Sample::of(size)), pace.clone()),
        };
        Ok(Self {
            cache: cache.clone(),
            walk: Some(cache.walk(&infos, walk_pace).await?),
            sample,
            pace,
            queue: VecDeque::new(),
            suspects: BTreeSet::new(),
        })
    }

    /// The next step; `None` at the end. Each step is short, except those that judge differing values, which wait a
    /// little. If a step is dropped, the values that it had begun to look at are not looked at again.
    ///
    /// # Errors
    /// Redis or the database cannot be used; the audit is over then.
    pub async fn next(&mut self) -> Result<Option<Step>, AuditError> {
        if self.suspects.len() >= SUSPECTS {
            return Ok(Some(self.settle().await?));
        }
        if !self.queue.is_empty() {
            let size = self.pace.step(BATCH).min(self.queue.len());
            self.pace.take(size).await;
            let batch = self.queue.drain(..size).collect();
            return Ok(Some(self.compare(batch).await?));
        }
        if let Some(walk) = &mut self.walk {
            let walked = walk.step().await?;
            return Ok(Some(self.take(walked)));
        }
        Ok(if self.suspects.is_empty() { None } else { Some(self.settle().await?) })
    }

    /// How many values are still to be compared, once the scan has ended.
    #[must_use]
    pub fn left(&self) -> Option<usize> {
        self.walk.is_none().then_some(self.queue.len())
    }

    /// Whether all values of this type were checked, and not only a part of them; known once the first was judged.
    #[must_use]
    pub fn covers_all(&self, cache_type: &str) -> bool {
        self.sample.as_ref().is_none_or(|sample| sample.covers_all(cache_type))
    }

    /// Takes in a step of the scan.
    fn take(&mut self, walked: Option<WalkStep>) -> Step {
        let Some(WalkStep { looked_at, keys }) = walked else {
            self.walk = None;
            self.queue.extend(self.sample.iter_mut().flat_map(Sample::take));
            return Step::default();
        };
        match &mut self.sample {
            Some(sample) => keys.into_iter().for_each(|key| sample.offer(key)),
            None => self.queue.extend(keys),
        }
        Step { looked_at, judged: Vec::new() }
    }

    async fn compare(&mut self, keys: Vec<AnyKey>) -> Result<Step, AuditError> {
        let mut step = Step::default();
        for Seen { key, compared, .. } in look_at(&self.cache, keys).await? {
            let outcome = match compared.finding {
                Finding::Different(_) => {
                    self.suspects.insert(key);
                    continue;
                }
                Finding::Same => Outcome::Right,
                Finding::Absent => Outcome::Gone,
                Finding::Undecodable(reason) => Outcome::Undecodable { reason },
                Finding::Unreadable(reason) => Outcome::Unreadable { reason },
            };
            step.judged.push(Judged { key, outcome });
        }
        Ok(step)
    }

    async fn settle(&mut self) -> Result<Step, AuditError> {
        let suspects = std::mem::take(&mut self.suspects);
        Ok(Step { looked_at: 0, judged: settle::settle(&self.cache, suspects).await? })
    }
}

/// Judges one value.
///
/// # Errors
/// Redis or the database cannot be used.
pub async fn judge(cache: &DatabaseCache, key: &AnyKey) -> Result<Outcome, AuditError> {
    let judged = settle::settle(cache, BTreeSet::from([key.clone()])).await?;
    Ok(judged.into_iter().next().map_or(Outcome::Gone, |judged| judged.outcome))
}
