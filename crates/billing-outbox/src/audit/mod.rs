//! Audit: compares what is cached with the database, and reports how much of it is right.
//!
//! Invariants: it changes nothing, fills nothing, and counts nothing as a read of the cache. Its memory is constant,
//! however many keys there are. What it calls stale is stale, whatever is written meanwhile (`settle.rs` says why).
//!
//! The caller of an [`Audit`] may pause between its steps. It repairs what the audit finds with
//! [`Cache::invalidate`](billing_cache::Cache::invalidate).

mod sample;
mod settle;
mod tally;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use billing_cache::{AnyKey, KeyWalk, L2Error, Pace, RedisUnreachable, Standing, WalkStep};
use sea_orm::DbErr;

pub use crate::comparison::{Compared, Difference, Differences, Finding};
use sample::Sample;
pub use tally::{Confidence, Tally};

use crate::application::DatabaseCache;
use crate::database::DatabaseError;
use crate::registry::RegisteredType;

/// Up to this number of values that differ are judged together: each is called stale only after a pause, and there may
/// be millions.
const SUSPECTS: usize = 2_000;
/// Values compared with one load.
const BATCH: usize = 500;

/// The verdict on one value.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It equals the database.
    Right,
    /// It differs, and no invalidation of it is pending.
    Stale {
        /// The fields that differ.
        differences: Differences,
    },
    /// It differs for now: at every look an invalidation of it was pending.
    Pending {
        /// How long the invalidation has been pending.
        age: Duration,
        /// The fields that differ.
        differences: Differences,
    },
    /// It is no value of its type.
    Undecodable {
        /// The reason.
        reason: String,
    },
    /// The database has a row for it that cannot be read, so the value cannot be judged.
    Unreadable {
        /// Which row, and why.
        reason: String,
    },
    /// The scan found it, but it was gone when its value was looked up.
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

    /// Whether it must be repaired: nothing else is about to repair it.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Stale { .. } | Self::Undecodable { .. })
    }
}

/// A value and its verdict.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which value.
    pub key: AnyKey,
    /// The verdict.
    pub outcome: Outcome,
}

/// Which cached values are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All.
    All,
    /// This number of each type, picked at random with equal probability; all if there are fewer.
    Sample(usize),
}

/// Why the audit could not continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// Redis cannot be used.
    #[error("look up cached values")]
    Redis(#[from] RedisUnreachable),
    /// Redis did not report its history.
    #[error("ask Redis for its history")]
    History(#[from] L2Error),
    /// The database values could not be loaded.
    #[error("load the values to compare with")]
    Load(#[from] DatabaseError),
    /// The outbox could not be read.
    #[error("read the outbox")]
    Outbox(#[from] DbErr),
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

/// A key with the result of looking at it.
struct Seen {
    key: AnyKey,
    standing: Standing,
    compared: Compared,
}

/// Looks the keys up, and then compares what is cached with the database, with one load for each type and [`BATCH`].
async fn look_at(cache: &DatabaseCache, keys: Vec<AnyKey>) -> Result<Vec<Seen>, AuditError> {
    let mut seen = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let standing = cache.standing(keys).await?;
        let mut by_type: BTreeMap<&'static str, Vec<(AnyKey, Standing)>> = BTreeMap::new();
        for (key, standing) in keys.iter().cloned().zip(standing) {
            by_type.entry(key.cache_type()).or_default().push((key, standing));
        }
        for (name, cached) in by_type {
            let registered = cache.application().find(name).expect("a key of the cache has a registered type");
            let cached = Arc::new(cached);
            let compared = registered.compare(cache, Arc::clone(&cached)).await?;
            let both = Arc::unwrap_or_clone(cached).into_iter().zip(compared);
            seen.extend(both.map(|((key, standing), compared)| Seen { key, standing, compared }));
        }
    }
    Ok(seen)
}
