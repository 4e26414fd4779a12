//! Audit: compares what is cached with the database, and says how much of it is right.
//!
//! Invariants: it changes nothing, fills nothing and counts nothing as a read of the cache; memory is constant, however
//! many keys there are; what it calls stale is stale, whatever is written meanwhile (`settle.rs` says why). Whoever
//! runs an [`Audit`] may pause between its steps, and repairs what it finds by
//! [`Cache::invalidate`](billing_cache::Cache::invalidate).

mod comparison;
mod difference;
mod sample;
mod settle;
mod tally;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use billing_cache::{AnyKey, KeyWalk, L2Error, Pace, RedisUnreachable, Standing, WalkStep};
use sea_orm::DbErr;

pub use comparison::{Compared, Finding};
pub(crate) use comparison::{compare, undecodable};
pub use difference::{Difference, Differences};
use sample::Sample;
pub use tally::{Confidence, Tally};

use crate::cached::{self, BillingCache, RegisteredType};
use crate::database::DatabaseError;

/// Values that differ are judged together, up to so many: each is stale only after a pause, and there may be millions.
const SUSPECTS: usize = 2_000;
/// Values compared with one load.
const BATCH: usize = 500;

/// What became of one value.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is what the database says.
    Right,
    /// It is not, and no invalidation of it is on its way.
    Stale {
        /// In which fields.
        differences: Differences,
    },
    /// It is not yet: whenever it was looked at, an invalidation of it was on its way.
    Pending {
        /// How long the invalidation has been on its way.
        age: Duration,
        /// In which fields it differs.
        differences: Differences,
    },
    /// It is no value of its type.
    Undecodable {
        /// Why.
        reason: String,
    },
    /// The database has a row for it that cannot be read, so that whether it is right cannot be told.
    Unreadable {
        /// Which row, and why.
        reason: String,
    },
    /// It was there when it was looked for, and had gone when it was looked at.
    Gone,
}

impl Outcome {
    /// The name in reports.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Stale { .. } => "stale",
            Self::Pending { .. } => "pending",
            Self::Undecodable { .. } => "undecodable",
            Self::Unreadable { .. } => "unreadable",
            Self::Gone => "gone",
        }
    }

    /// Whether it must be repaired: nobody else is about to.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Stale { .. } | Self::Undecodable { .. })
    }
}

/// A value and what became of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which value.
    pub key: AnyKey,
    /// What became of it.
    pub outcome: Outcome,
}

/// Which of the cached values are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All.
    All,
    /// So many of each type, picked at random, each with the same probability; all where there are fewer.
    Sample(usize),
}

/// The audit could not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Redis cannot be used.
    #[error("look up cached values")]
    Redis(#[from] RedisUnreachable),
    /// Redis did not tell its history.
    #[error("ask Redis for its history")]
    History(#[from] L2Error),
    /// The values to compare with could not be loaded.
    #[error("load the values to compare with")]
    Load(#[from] DatabaseError),
    /// The outbox could not be read.
    #[error("read the outbox")]
    Outbox(#[from] DbErr),
}

/// A walk over cached values that judges each. Dropping it ends it, at any await.
#[derive(Debug)]
pub struct Audit {
    cache: BillingCache,
    /// Until every name was seen.
    walk: Option<KeyWalk>,
    sample: Option<Sample>,
    pace: Pace,
    queue: VecDeque<AnyKey>,
    suspects: BTreeSet<AnyKey>,
}

/// What one step of an audit did.
#[derive(Debug, Default)]
pub struct Step {
    /// Keys that Redis looked at, ours or not. With [`Extent::Sample`] all are looked at before the first value is
    /// judged.
    pub looked_at: u64,
    /// Values that were judged; those found to differ are judged at the end or when there are many.
    pub judged: Vec<Judged>,
}

impl Audit {
    /// Begins an audit of these types.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn begin(
        cache: &BillingCache,
        types: &[&dyn RegisteredType],
        extent: Extent,
        pace: Pace,
    ) -> Result<Self, AuditError> {
        let infos: Vec<_> = types.iter().map(|cached| cached.info()).collect();
        let (sample, walk_pace) = match extent {
            // The walk waits for the comparisons, whose pace is then its own.
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

    /// The next step; `None` at the end. Each is short but those that judge what differs, which wait a little. What a
    /// step that is dropped had begun to look at is not looked at again.
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

    /// How many values are still to be compared, once the walk has ended.
    #[must_use]
    pub fn left(&self) -> Option<usize> {
        self.walk.is_none().then_some(self.queue.len())
    }

    /// Whether all values of this type were looked at, and not only a part of them; known once the first was judged.
    #[must_use]
    pub fn covers_all(&self, cache_type: &str) -> bool {
        self.sample.as_ref().is_none_or(|sample| sample.covers_all(cache_type))
    }

    /// Takes in a step of the walk.
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
pub async fn judge(cache: &BillingCache, key: &AnyKey) -> Result<Outcome, AuditError> {
    let judged = settle::settle(cache, BTreeSet::from([key.clone()])).await?;
    Ok(judged.into_iter().next().map_or(Outcome::Gone, |judged| judged.outcome))
}

/// A key as it was looked at.
struct Seen {
    key: AnyKey,
    standing: Standing,
    compared: Compared,
}

/// Looks the keys up, and then compares what is cached with the database, with one load for each type and [`BATCH`].
async fn look_at(cache: &BillingCache, keys: Vec<AnyKey>) -> Result<Vec<Seen>, AuditError> {
    let mut seen = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let standing = cache.standing(keys).await?;
        let mut by_type: BTreeMap<&'static str, Vec<(AnyKey, Standing)>> = BTreeMap::new();
        for (key, standing) in keys.iter().cloned().zip(standing) {
            by_type.entry(key.cache_type()).or_default().push((key, standing));
        }
        for (name, cached) in by_type {
            let registered = cached::find(name).expect("a key of the cache has a registered type");
            let compared = registered.compare(cache, &cached).await?;
            let both = cached.into_iter().zip(compared);
            seen.extend(both.map(|((key, standing), compared)| Seen { key, standing, compared }));
        }
    }
    Ok(seen)
}
