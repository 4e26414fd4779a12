//! One round of a warm-up: reads the remaining time to live of the wanted values, loads missing values, and renews
//! values close to their expiry, in the order of the plan.
//!
//! Invariants: a value that lives long enough is not loaded; loaded values are stored under leases, so that no write is
//! undone and no reader waits; once the database time is used up, at most one more batch is loaded, whose size follows
//! from the speed so far.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use billing_cache::{Pace, WarmedUp};
use billing_core::cached::BillingCache;
use billing_outbox::registry::Which;
use cli_support::{Progress, render};

use super::plan::{Plan, PlannedType, Wanted};
use super::tally::{Tallies, Tally};

/// A value with less than this share of its TTL left is renewed. The share is larger than that of a service's refresh
/// ahead, so that readers have nothing to refresh.
const NEAR_END: f64 = 0.2;
/// The size of the first batch under a time limit, while the duration of a load is unknown.
const FIRST_BATCH: usize = 50;

/// The limits of a round.
pub(super) struct Limits {
    /// Maximum total database time of all loads of a round.
    pub(super) database_time: Option<Duration>,
    pub(super) pace: Pace,
    /// Maximum number of keys in a batch.
    pub(super) batch: usize,
}

/// Loads plans, one per round.
pub(super) struct Loader<'a> {
    cache: &'a BillingCache,
    limits: Limits,
    /// Keys that are not renewed again before this time, even if they are close to their expiry. Without it, a value
    /// with a very short life would be renewed in every round.
    renewed: HashMap<String, Instant>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(cache: &'a BillingCache, limits: Limits) -> Self {
        Self { cache, limits, renewed: HashMap::new() }
    }

    /// Loads the keys of the plan.
    ///
    /// # Errors
    /// Redis cannot be used. An error of one type is recorded in its tally, and the other types are loaded.
    pub(super) async fn round(&mut self, plan: &Plan, tallies: &mut Tallies) -> Result<()> {
        let now = Instant::now();
        self.renewed.retain(|_, not_before| *not_before > now);
        let progress = Progress::of("warm up", plan.keys.len() as u64);
        let mut left = plan.keys.as_slice();
        while !left.is_empty() {
            let Some(size) = self.next_batch(plan, tallies) else { break };
            let (batch, rest) = left.split_at(size.min(left.len()));
            self.limits.pace.take(batch.len()).await;
            self.load_batch(plan, batch, tallies).await?;
            progress.add(batch.len() as u64);
            left = rest;
        }
        Ok(())
    }

    /// The size of the next batch; `None` if the database time is used up.
    fn next_batch(&self, plan: &Plan, tallies: &Tallies) -> Option<usize> {
        let most = self.limits.pace.step(self.limits.batch);
        let Some(limit) = self.limits.database_time else { return Some(most) };
        let times = tallies.0.iter().zip(&plan.types).map(|(tally, planned)| tally.database_time(self.cache, planned));
        let spent = times.sum();
        let left = limit.checked_sub(spent).filter(|left| !left.is_zero())?;
        let loaded: usize = tallies.0.iter().map(|tally| tally.done.stored + tally.done.not_stored).sum();
        let affordable = if loaded == 0 { FIRST_BATCH } else { affordable(left, spent, loaded) };
        Some(affordable.clamp(1, most))
    }

    async fn load_batch(&mut self, plan: &Plan, batch: &[Wanted], tallies: &mut Tallies) -> Result<()> {
        let texts: Vec<String> = batch.iter().map(|wanted| wanted.text.clone()).collect();
        let lives = self.cache.times_to_live(&texts).await?;
        for (place, (planned, tally)) in plan.types.iter().zip(&mut tallies.0).enumerate() {
            if planned.error.is_some() || tally.error.is_some() {
                continue;
            }
            let of_type = batch.iter().zip(&lives).filter(|(wanted, _)| wanted.place == place);
            let share = Share::of(ttl_of(self.cache, planned), of_type, &self.renewed);
            let started = Instant::now();
            let loaded = self.load_share(share, planned, tally).await;
            tally.elapsed += started.elapsed();
            tally.error = loaded.with_context(|| format!("warm up {}", planned.cached.info().name)).err();
        }
        Ok(())
    }

    async fn load_share(&mut self, share: Share, planned: &PlannedType, tally: &mut Tally) -> Result<()> {
        let before = tally.done.clone();
        tally.done.skipped += share.fresh;
        let mut note = |batch: WarmedUp| tally.done += batch;
        if !share.missing.is_empty() {
            planned.cached.load_texts(self.cache, &share.missing, Which::Missing, &mut note).await?;
        }
        if !share.near_end.is_empty() {
            planned.cached.load_texts(self.cache, &share.near_end, Which::All, &mut note).await?;
        }
        tally.missing += share.missing.len();
        let cached = tally.done.stored + tally.done.skipped - before.stored - before.skipped;
        tally.covered +=
            share.reads_per_hour * render::to_f64(cached as u64) / render::to_f64(share.keys().max(1) as u64);
        let not_before = Instant::now() + share.ttl.mul_f64(NEAR_END / 2.0);
        self.renewed.extend(share.near_end.into_iter().map(|text| (text, not_before)));
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number, and clamped")]
fn affordable(left: Duration, spent: Duration, loaded: usize) -> usize {
    (left.as_secs_f64() / spent.as_secs_f64().max(1e-9) * render::to_f64(loaded as u64)) as usize
}

/// The configured TTL of the type.
fn ttl_of(cache: &BillingCache, planned: &PlannedType) -> Duration {
    let info = planned.cached.info();
    cache.types().find(|registered| registered.name == info.name).map_or(info.ttl, |registered| registered.ttl)
}

/// The keys of one type in a batch.
struct Share {
    ttl: Duration,
    missing: Vec<String>,
    near_end: Vec<String>,
    /// Number of keys that live long enough.
    fresh: usize,
    reads_per_hour: f64,
}

impl Share {
    fn of<'a>(
        ttl: Duration,
        keys: impl Iterator<Item = (&'a Wanted, &'a Option<Duration>)>,
        renewed: &HashMap<String, Instant>,
    ) -> Self {
        let mut share = Self { ttl, missing: Vec::new(), near_end: Vec::new(), fresh: 0, reads_per_hour: 0.0 };
        let now = Instant::now();
        for (wanted, life) in keys {
            share.reads_per_hour += wanted.reads_per_hour;
            let may_be_renewed = || renewed.get(&wanted.text).is_none_or(|not_before| *not_before <= now);
            match life {
                None => share.missing.push(wanted.text.clone()),
                Some(life) if *life < ttl.mul_f64(NEAR_END) && may_be_renewed() => {
                    share.near_end.push(wanted.text.clone());
                }
                Some(_) => share.fresh += 1,
            }
        }
        share
    }

    fn keys(&self) -> usize {
        self.missing.len() + self.near_end.len() + self.fresh
    }
}
