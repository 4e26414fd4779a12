//! The plan of a warm-up: which keys to load, and in what order.
//!
//! Keys that are read come first, by expected benefit: reads of the key per hour × load time of its type. That is the
//! time that a cached value saves. The newest keys follow, in case few reads are known.

use std::collections::HashSet;

use anyhow::{Context, Result};
use billing_cache::{Event, Numbers};
use billing_core::cached::BillingCache;
use billing_outbox::registry::RegisteredType;
use cli_support::{TypeChoice, render};

use super::memory::Memory;

/// Load times are averaged over this many hours.
const HOURS: u64 = 24;

/// See the module documentation.
pub(super) struct Plan {
    pub(super) types: Vec<PlannedType>,
    /// In the order of loading.
    pub(super) keys: Vec<Wanted>,
}

/// What to load of one type.
pub(super) struct PlannedType {
    pub(super) cached: &'static dyn RegisteredType,
    /// Number of keys chosen because they are read.
    pub(super) by_use: usize,
    /// Number of keys chosen because they are new.
    pub(super) newest: usize,
    /// Reads of all keys of the type, chosen or not.
    pub(super) reads_per_hour: f64,
    /// Why the keys could not be listed.
    pub(super) error: Option<anyhow::Error>,
}

/// A key to load.
pub(super) struct Wanted {
    /// The index of its type in the plan.
    pub(super) place: usize,
    pub(super) text: String,
    pub(super) reads_per_hour: f64,
}

impl PlannedType {
    pub(super) fn wanted(&self) -> usize {
        self.by_use + self.newest
    }
}

impl Plan {
    pub(super) fn empty(choice: TypeChoice) -> Self {
        let planned = |cached| PlannedType { cached, by_use: 0, newest: 0, reads_per_hour: 0.0, error: None };
        Self { types: choice.types().into_iter().map(planned).collect(), keys: Vec::new() }
    }

    /// Number of keys chosen because they are read.
    pub(super) fn by_use(&self) -> usize {
        self.types.iter().map(|planned| planned.by_use).sum()
    }

    /// Up to `limit` keys of each type that are read; none if no reads are known.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub(super) async fn asked_for(
        cache: &BillingCache,
        choice: TypeChoice,
        limit: u64,
        memory: &mut Memory,
    ) -> Result<Self> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut plan = Self::empty(choice);
        for (place, planned) in plan.types.iter_mut().enumerate() {
            let info = planned.cached.info();
            let hot = memory.recall(info.name, cache.hot_keys(&info, limit).await?, limit);
            planned.by_use = hot.keys.len();
            planned.reads_per_hour = hot.reads_per_hour;
            let wanted = hot.keys.into_iter();
            plan.keys.extend(wanted.map(|key| Wanted { place, text: key.text, reads_per_hour: key.reads_per_hour }));
        }
        let costs = load_costs(&plan.types, &cache.usage(HOURS).await?);
        let benefit = |wanted: &Wanted| wanted.reads_per_hour * costs[wanted.place];
        plan.keys.sort_by(|a, b| benefit(b).total_cmp(&benefit(a)));
        Ok(plan)
    }

    /// Appends the newest keys of each type, until the type has `limit` keys.
    pub(super) async fn add_newest(&mut self, cache: &BillingCache, limit: u64) {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut known: HashSet<String> = self.keys.iter().map(|wanted| wanted.text.clone()).collect();
        for (place, planned) in self.types.iter_mut().enumerate() {
            let room = limit.saturating_sub(planned.by_use);
            match newest(cache, planned.cached, limit, room).await {
                Ok(texts) => {
                    let new = texts.into_iter().filter(|text| known.insert(text.clone())).take(room);
                    let before = self.keys.len();
                    self.keys.extend(new.map(|text| Wanted { place, text, reads_per_hour: 0.0 }));
                    planned.newest = self.keys.len() - before;
                }
                Err(error) => planned.error = Some(error),
            }
        }
    }
}

/// Asks for `limit` keys and not only for `room`, because some of them are in the plan already.
async fn newest(cache: &BillingCache, cached: &dyn RegisteredType, limit: usize, room: usize) -> Result<Vec<String>> {
    if room == 0 {
        return Ok(Vec::new());
    }
    let texts = cached.hot_key_texts(cache, limit as u64).await;
    texts.context("list the keys to load").with_context(|| format!("warm up {}", cached.info().name))
}

/// The mean load time of each type for a reader, in microseconds. If it is unknown, the mean of the known ones is used.
fn load_costs(types: &[PlannedType], usage: &Numbers) -> Vec<f64> {
    let known = types.iter().map(|planned| {
        let count = |event| render::to_f64(usage.count(planned.cached.info().name, event));
        let loads = count(Event::SingleLoad);
        (loads > 0.0).then(|| count(Event::SingleLoadMicros) / loads)
    });
    let known: Vec<Option<f64>> = known.collect();
    let (sum, number) = known.iter().flatten().fold((0.0, 0.0), |(sum, number), cost| (sum + cost, number + 1.0));
    let mean = if number > 0.0 { sum / number } else { 1.0 };
    known.into_iter().map(|cost| cost.unwrap_or(mean)).collect()
}
