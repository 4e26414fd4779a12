//! `warmup --auto`: keeps the most-read values cached, until Ctrl-C.
//!
//! Each round asks Redis for the remaining times to live of the wanted keys, in pipelines of PTTL. That is exact in
//! every case: a value that was cleared, evicted, expired or lost in a restart is missing, and a value close to its
//! expiry is renewed. A new connection wakes the loop, so that a restart is noticed at once; the history id only shows
//! why values are missing.
//!
//! Invariant: no failure of Redis or the database ends the loop, not even at the start. After each failure the loop
//! pauses longer; only the first failure in a row is reported.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use billing_cache::History;
use billing_core::cached::BillingCache;
use billing_core::settings::Settings;
use cli_support::{TypeChoice, exit, open, render};
use tokio::sync::watch;

use super::memory::Memory;
use super::plan::Plan;
use super::round::Loader;
use super::tally::Tallies;
use crate::reports::warmup::{WarmedType, WarmupReport};

/// The longest pause after failures, unless the interval is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// If a larger share of the wanted values is missing, a line is printed.
const LOSS: f64 = 0.2;

/// See the module documentation.
pub(super) struct Keeper<'a> {
    cache: &'a BillingCache,
    loader: Loader<'a>,
    choice: TypeChoice,
    limit: u64,
    interval: Duration,
    memory: Memory,
    connections: watch::Receiver<u64>,
    /// The history ids of all primaries when all of them were last reachable.
    histories: BTreeSet<History>,
    state: State,
    total: Vec<WarmedType>,
    settings: &'a Settings,
    /// Whether Redis and the database have been usable once.
    has_begun: bool,
}

/// What to keep warm, and how often to look.
pub(super) struct Wanted {
    pub(super) choice: TypeChoice,
    /// Maximum number of values of each type.
    pub(super) limit: u64,
    pub(super) interval: Duration,
}

/// The state that was reported last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Cold,
    Warm,
    /// Number of failed rounds in a row.
    InTrouble(u32),
}

/// The result of a round.
struct Outcome {
    wanted: usize,
    missing: usize,
    stored: usize,
    by_use: bool,
    reads_covered: Option<f64>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        cache: &'a BillingCache,
        loader: Loader<'a>,
        Wanted { choice, limit, interval }: Wanted,
        settings: &'a Settings,
    ) -> Self {
        let half_life = Duration::from_secs(settings.cache.usage_half_life_seconds);
        Self {
            cache,
            loader,
            choice,
            limit,
            interval,
            memory: Memory::fading(half_life),
            connections: cache.connection_changes(),
            histories: BTreeSet::new(),
            state: State::Cold,
            total: Vec::new(),
            settings,
            has_begun: false,
        }
    }

    /// Never ends by itself. May be dropped at any await.
    pub(super) async fn run(&mut self) -> Result<()> {
        loop {
            match self.round().await {
                Ok(outcome) => self.say_warm(&outcome).await,
                Err(error) => self.say_trouble(&error),
            }
            let pause = self.pause();
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = self.connections.changed() => {}
            }
        }
    }

    /// The sum of all rounds.
    pub(super) async fn finish(self) -> WarmupReport {
        self.cache.flush_counters().await;
        WarmupReport { complete: true, note: None, types: self.total }
    }

    /// Reports an unreachable server with its remedy, like the tools that end because of it.
    async fn begin(&mut self) -> Result<()> {
        self.cache.check_redis().await?;
        open::check_database(self.cache.source(), self.settings).await?;
        self.has_begun = true;
        Ok(())
    }

    async fn round(&mut self) -> Result<Outcome> {
        if !self.has_begun {
            self.begin().await?;
        }
        let mut plan = Plan::asked_for(self.cache, self.choice, self.limit, &mut self.memory).await?;
        let by_use = plan.by_use() > 0;
        if !by_use {
            plan.add_newest(self.cache, self.limit).await;
        }
        let mut tallies = Tallies::of(self.cache, &plan);
        let done = self.loader.round(&plan, &mut tallies).await;
        self.add_up(tallies.rows(self.cache, &plan));
        done?;
        let outcome = Outcome {
            wanted: plan.keys.len(),
            missing: tallies.missing(),
            stored: tallies.stored(),
            by_use,
            reads_covered: tallies.reads_covered(&plan),
        };
        match tallies.into_error(plan) {
            Some(error) => Err(error),
            None => Ok(outcome),
        }
    }

    fn add_up(&mut self, rows: Vec<WarmedType>) {
        let before = std::mem::take(&mut self.total);
        let mut before = before.into_iter();
        self.total = rows.into_iter().map(|row| row.after(before.next())).collect();
    }

    async fn say_warm(&mut self, outcome: &Outcome) {
        let restarted = self.note_restarts().await;
        let lost = render::to_f64(outcome.missing as u64) > LOSS * render::to_f64(outcome.wanted as u64);
        if self.state != State::Warm || lost {
            say(&outcome.sentence(self.state, restarted));
        }
        self.state = State::Warm;
    }

    /// Whether a primary was restarted or replaced since all primaries were last reachable: a known history is gone and
    /// a new one has appeared. A primary that joins or leaves a cluster causes only one of the two.
    async fn note_restarts(&mut self) -> bool {
        let Ok(primaries) = self.cache.primaries().await else { return false };
        if !primaries.are_all() {
            return false;
        }
        let histories: BTreeSet<History> = primaries.iter().filter_map(|primary| primary.history.clone()).collect();
        let before = std::mem::replace(&mut self.histories, histories);
        let (has_gone, has_come) = (!before.is_subset(&self.histories), !self.histories.is_subset(&before));
        has_gone && has_come
    }

    fn say_trouble(&mut self, error: &anyhow::Error) {
        self.state = match self.state {
            State::InTrouble(rounds) => State::InTrouble(rounds.saturating_add(1)),
            State::Cold | State::Warm => {
                say(&format!("cannot keep the cache warm, trying again: {}", exit::sentence_with_advice(error)));
                State::InTrouble(1)
            }
        };
    }

    /// The interval, doubled with each failed round.
    fn pause(&self) -> Duration {
        match self.state {
            State::InTrouble(rounds) => {
                let longer = self.interval.saturating_mul(2_u32.saturating_pow(rounds));
                longer.min(LONGEST_PAUSE.max(self.interval))
            }
            State::Cold | State::Warm => self.interval,
        }
    }
}

impl Outcome {
    fn sentence(&self, before: State, restarted: bool) -> String {
        let cause = match before {
            _ if restarted => "redis was restarted: ",
            State::Warm if self.missing > 0 => "values were removed: ",
            State::Warm | State::Cold => "",
            State::InTrouble(_) => "all is well again: ",
        };
        let stored = render::count(self.stored as u64);
        let wanted = render::count(self.wanted as u64);
        let what = if self.by_use { "wanted by use" } else { "the newest, since no reads are known yet" };
        let covered = match self.reads_covered {
            Some(share) => format!("; cached are {} % of reads", render::percent(Some(share))),
            None => String::new(),
        };
        format!("{cause}loaded {stored} of {wanted} values, {what}{covered}")
    }
}

/// Prints a line on stderr for the person who watches.
fn say(sentence: &str) {
    exit::say(format_args!("{sentence}"));
}
