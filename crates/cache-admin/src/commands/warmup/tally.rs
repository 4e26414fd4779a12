//! Counts the results for the keys of a plan by type, and makes the rows of the report.

use std::time::Duration;

use anyhow::anyhow;
use billing_cache::{Event, WarmedUp};
use billing_core::cached::BillingCache;
use cli_support::{exit, render};

use super::plan::{Plan, PlannedType};
use crate::reports::warmup::WarmedType;

/// The results of all types of a plan.
pub(super) struct Tallies(pub(super) Vec<Tally>);

/// The results of one type.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) done: WarmedUp,
    /// Number of missing keys.
    pub(super) missing: usize,
    /// Reads per hour of the keys that are cached now.
    pub(super) covered: f64,
    pub(super) elapsed: Duration,
    /// The load time that this process had counted when the round began, in microseconds.
    load_micros_before: u64,
    pub(super) error: Option<anyhow::Error>,
}

impl Tally {
    /// The database time of the loads of the type.
    pub(super) fn database_time(&self, cache: &BillingCache, planned: &PlannedType) -> Duration {
        let counted = cache.count_of(planned.cached.info().name, Event::LoadMicros);
        Duration::from_micros(counted.saturating_sub(self.load_micros_before))
    }

    fn row(&self, cache: &BillingCache, planned: &PlannedType) -> WarmedType {
        let handled = self.done.stored + self.done.skipped + self.done.not_stored + self.done.failed;
        let rest = planned.wanted().saturating_sub(handled) as u64;
        let error = planned.error.as_ref().or(self.error.as_ref());
        let failed = match (&planned.error, &self.error) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(rest + self.done.failed as u64),
            (None, None) => Some(self.done.failed as u64),
        };
        WarmedType {
            name: planned.cached.info().name,
            loaded: self.done.stored,
            skipped: self.done.skipped,
            not_stored: self.done.not_stored,
            failed,
            seconds: self.elapsed.as_secs_f64(),
            error: error
                .map(exit::sentence)
                .or_else(|| self.done.first_failure.clone())
                .or_else(|| self.done.first_refusal.clone()),
            by_use: planned.by_use,
            newest: planned.newest,
            left: if error.is_none() { rest } else { 0 },
            reads_covered: (planned.reads_per_hour > 0.0).then(|| (self.covered / planned.reads_per_hour).min(1.0)),
            database_seconds: self.database_time(cache, planned).as_secs_f64(),
        }
    }
}

impl Tallies {
    /// Empty tallies. A type whose keys could not be listed is not loaded.
    pub(super) fn of(cache: &BillingCache, plan: &Plan) -> Self {
        let tally = |planned: &PlannedType| Tally {
            load_micros_before: cache.count_of(planned.cached.info().name, Event::LoadMicros),
            ..Tally::default()
        };
        Self(plan.types.iter().map(tally).collect())
    }

    /// Number of missing keys.
    pub(super) fn missing(&self) -> usize {
        self.0.iter().map(|tally| tally.missing).sum()
    }

    /// Number of stored values.
    pub(super) fn stored(&self) -> usize {
        self.0.iter().map(|tally| tally.done.stored).sum()
    }

    /// The errors, at most one per type.
    pub(super) fn errors<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = &'a anyhow::Error> {
        self.0.iter().zip(&plan.types).filter_map(|(tally, planned)| planned.error.as_ref().or(tally.error.as_ref()))
    }

    /// The first value of each type that Redis refused, or that is too large. A value that changed meanwhile is not
    /// stored either, but that is no failure.
    pub(super) fn refusals(&self) -> impl Iterator<Item = anyhow::Error> {
        let refused =
            self.0.iter().filter_map(|tally| Some((tally.done.not_stored, tally.done.first_refusal.as_ref()?)));
        refused
            .map(|(refused, first)| anyhow!("{} values were not stored, first {first}", render::count(refused as u64)))
    }

    /// The first value of each type that could not be built although the database answered.
    pub(super) fn failures(&self) -> impl Iterator<Item = anyhow::Error> {
        let failed = self.0.iter().filter_map(|tally| Some((tally.done.failed, tally.done.first_failure.as_ref()?)));
        failed.map(|(failed, first)| {
            anyhow!("{} values could not be loaded, first {first}", render::count(failed as u64))
        })
    }

    /// The first error.
    pub(super) fn into_error(self, plan: Plan) -> Option<anyhow::Error> {
        let errors = self.0.into_iter().zip(plan.types).filter_map(|(tally, planned)| planned.error.or(tally.error));
        errors.into_iter().next()
    }

    /// The share of all reads, over all types, whose keys are cached now.
    pub(super) fn reads_covered(&self, plan: &Plan) -> Option<f64> {
        let reads: f64 = plan.types.iter().map(|planned| planned.reads_per_hour).sum();
        let covered: f64 = self.0.iter().map(|tally| tally.covered).sum();
        (reads > 0.0).then(|| (covered / reads).min(1.0))
    }

    /// The rows of the report.
    pub(super) fn rows(&self, cache: &BillingCache, plan: &Plan) -> Vec<WarmedType> {
        self.0.iter().zip(&plan.types).map(|(tally, planned)| tally.row(cache, planned)).collect()
    }
}
