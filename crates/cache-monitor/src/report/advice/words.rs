//! Puts the advice into words.
//!
//! Invariant: nothing is computed here.

use std::time::Duration;

use cli_support::render;

use super::{Advice, Costs, Production, TtlEffect, Verdict};
use crate::statistics::MIN_SAMPLES;
use crate::usage::HOURS;

impl Advice {
    pub(super) fn in_words(&self) -> Vec<String> {
        self.worth().into_iter().chain(self.ttl()).collect()
    }

    fn worth(&self) -> Vec<String> {
        let costs = self.costs;
        let miss = if costs.miss_estimated { "a miss about" } else { "a miss" };
        let (load, hit, cost_of_miss) = (micros(costs.load_us), micros(costs.hit_us), micros(costs.miss_us));
        let costs = format!("a load takes {load}, a hit {hit}, {miss} {cost_of_miss}");
        let break_even = match self.break_even_hit_rate {
            Some(rate) => format!("{costs}: caching saves time from a hit rate of {} % on", percent(rate)),
            None => format!("{costs}: caching saves no time, only work of the database"),
        };
        match self.production {
            Some(production) => vec![production.sentence(self.verdict, self.costs), break_even],
            None => vec![break_even, no_usage()],
        }
    }

    fn ttl(&self) -> Vec<String> {
        let writes = self.production.and_then(Production::writes_in_words);
        writes.into_iter().chain(self.ttl_effects.iter().map(|effect| effect.sentence(self.ttl_seconds))).collect()
    }
}

impl Production {
    /// Invalidations, which a TTL does not change.
    fn writes_in_words(self) -> Option<String> {
        let Self { misses, invalidated, .. } = self;
        let all = render::count(misses);
        let share = if invalidated < misses {
            format!("{} of the {all}", render::count(invalidated))
        } else {
            format!("all {all}")
        };
        (misses >= MIN_SAMPLES && invalidated > 0).then(|| {
            let invalidated = render::count(invalidated);
            format!("writes invalidated {invalidated} keys, which may be behind {share} misses; no TTL changes those")
        })
    }

    fn sentence(self, verdict: Verdict, costs: Costs) -> String {
        let verdict = match verdict {
            Verdict::WorthIt => "worth caching",
            Verdict::LittleDifference => "no matter for those who ask, but for the database",
            Verdict::NotWorthIt => "slower with the cache than without",
            Verdict::Unknown => "not known whether it is worth caching",
        };
        let (reads, hits, hours) = (render::count(self.reads), render::count(self.hits), self.hours);
        let saved = render::duration(Duration::from_secs_f64(self.database_seconds_saved));
        let (read, load) = (micros(self.read_us), micros(costs.load_us));
        format!(
            "{verdict}: of {reads} reads in {hours} h {} % were hits; a read takes {read} on average instead of {load}; {hits} \
             loads were saved, {saved} of database time",
            percent(self.hit_rate)
        )
    }
}

fn no_usage() -> String {
    format!(
        "fewer than {MIN_SAMPLES} reads of the last {HOURS} h are known, so the hit rate in production, and what a TTL does to \
         it, is not known"
    )
}

impl TtlEffect {
    fn sentence(self, now_seconds: u64) -> String {
        let (change, bound) = if self.loads_change < 0.0 { ("fewer", "up to") } else { ("more", "down to") };
        format!(
            "TTL {} s instead of {now_seconds} s: at most {:.0} loads a day {change} (hit rate {bound} {} %)",
            self.ttl_seconds,
            self.loads_change.abs(),
            percent(self.hit_rate)
        )
    }
}

fn percent(share: f64) -> String {
    render::percent(Some(share))
}

fn micros(us: f64) -> String {
    render::duration(Duration::from_secs_f64(us / 1e6))
}
