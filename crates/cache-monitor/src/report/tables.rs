//! The tables of the report, equal in all renderings: heads with units, and cells formatted for people.
//!
//! Invariant: nothing is computed here.

use cli_support::render::{self, NONE};

use super::model::{
    Advice, Figure, Gain, Gate, Improvement, Judgement, Kind, Measured, MonitorReport, NotJudged, Outcome, PairedGain,
    PercentileTime, Production, Requests, Times, TtlEffect, TypeReport, WorkloadReport,
};
use crate::statistics::{MIN_ABOVE, MIN_SAMPLES, Support};

const NO_ROWS: &str = "no rows in the database";
const TOO_FEW: &str = "too few";
const UNCERTAIN: &str = "~";

/// A table with names on the left and numbers on the right.
#[derive(Debug)]
pub(super) struct Table {
    /// The number of columns with names.
    pub(super) labels: usize,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    fn new<const N: usize>(labels: usize, head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> Self {
        Self { labels, head: head.map(str::to_owned).into(), rows: rows.map(Into::into).collect() }
    }
}

impl MonitorReport {
    /// The conditions of the measurement.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = self.workload.facts();
        facts.extend([
            ("tasks", self.concurrency.to_string()),
            ("database", self.database.clone()),
            ("redis", self.redis.clone()),
        ]);
        if self.warmup > 0 {
            facts.push(("warm-up, not counted", format!("{} requests of each type", render::count(self.warmup))));
        }
        facts
    }

    pub(super) fn requests_table(&self) -> Table {
        let head = ["type", "keys", "requests", "hits", "misses", "bypassed", "hit rate (%)", "miss rate (%)"];
        let total = requests_row("total", NONE.to_owned(), &self.total);
        Table::new(1, head, self.types.iter().map(type_row).chain([total]))
    }

    pub(super) fn times_table(&self) -> Table {
        let head = ["type", "answered by", "count", "mean (µs)", "p50 (µs)", "p95 (µs)", "p99 (µs)", "p99.9 (µs)"];
        let rows = self.measured().flat_map(|(name, measured)| {
            // Most runs have no bypassed requests, so a row for them is shown only if there are any.
            let shown = measured.times.iter().filter(|times| times.count > 0 || times.kind != Kind::Bypass);
            shown.map(move |times| times_row(name, times))
        });
        Table { labels: 2, head: head.map(str::to_owned).into(), rows: rows.collect() }
    }

    pub(super) fn improvements_table(&self) -> Table {
        let head = [
            "type",
            "hits against database",
            "mean: saved (%)",
            "mean: faster (×)",
            "pairs: saved (%) [95 %]",
            "pairs: faster (×) [95 %]",
        ];
        let rows = self.measured().flat_map(|(name, measured)| {
            measured.improvements.iter().map(move |improvement| improvement_row(name, improvement))
        });
        Table::new(2, head, rows)
    }

    pub(super) fn measured(&self) -> impl Iterator<Item = (&str, &Measured)> {
        self.types.iter().filter_map(|of_type| Some((of_type.name.as_str(), of_type.measured.as_ref()?)))
    }

    fn advice(&self) -> impl Iterator<Item = (&str, &Advice)> {
        self.types.iter().filter_map(|of_type| Some((of_type.name.as_str(), of_type.advice.as_ref()?)))
    }

    /// The advice in words.
    pub(super) fn sentences(&self) -> Vec<String> {
        self.advice().map(|(name, advice)| format!("{name}: {}", advice.sentences.join("; "))).collect()
    }

    /// What the advice is drawn from, with captions. Tables without rows are left out.
    pub(super) fn advice_tables(&self) -> impl Iterator<Item = (&'static str, Table)> {
        let costs = ["type", "load (µs)", "hit (µs)", "miss (µs)", "pays from a hit rate of (%)"];
        let costs = Table::new(1, costs, self.advice().map(costs_row));
        let used = [
            "type",
            "hours",
            "reads",
            "hit rate (%)",
            "misses",
            "keys invalidated",
            "mean (µs)",
            "load time saved (s)",
        ];
        let production = self.advice().filter_map(|(name, advice)| Some(production_row(name, &advice.production?)));
        let used = Table::new(1, used, production);
        let ttl = ["type", "TTL (s)", "instead of (s)", "change of loads a day, at most", "hit rate then (%)"];
        let effects = self.advice().flat_map(|(name, advice)| {
            advice.ttl_effects.iter().map(move |effect| effect_row(name, effect, advice.ttl_seconds))
        });
        let ttl = Table::new(1, ttl, effects);
        let tables = [("What reads cost", costs), ("Reads in production", used), ("Another TTL", ttl)];
        tables.into_iter().filter(|(_, table)| !table.rows.is_empty())
    }

    /// Explains the marks in the tables, if there are any.
    pub(super) fn legend(&self) -> Vec<String> {
        let times = || self.measured().flat_map(|(_, measured)| &measured.times).filter(|times| times.count > 0);
        let any =
            |support| times().flat_map(|times| &times.percentiles).any(|percentile| percentile.support == support);
        let too_few = format!(
            "{TOO_FEW}: fewer than {MIN_SAMPLES} samples, or none to be expected above the percentile; more --iterations \
             give more"
        );
        let uncertain = format!(
            "{UNCERTAIN}: fewer than {MIN_ABOVE} samples above it, so little else than one of the slowest ones"
        );
        let too_few = any(Support::TooFew).then_some(too_few);
        too_few.into_iter().chain(any(Support::Uncertain).then_some(uncertain)).collect()
    }
}

impl WorkloadReport {
    fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Zipf { iterations, keys_limit, zipf_exponent, seed } => vec![
                (
                    "requests per type",
                    format!("{iterations}, drawn from up to {keys_limit} keys (Zipf {zipf_exponent})"),
                ),
                ("seed", seed.to_string()),
            ],
            Self::Trace { file, lines, replayed, other_types, foreign } => {
                let [lines, replayed, other_types, foreign] =
                    [lines, replayed, other_types, foreign].map(|n| render::count(*n));
                vec![
                    ("replayed log", file.clone()),
                    ("lines", lines),
                    ("replayed", replayed),
                    ("keys of other types", other_types),
                    ("no keys of ours", foreign),
                ]
            }
        }
    }
}

impl Gate {
    pub(super) fn table(&self) -> Table {
        let head = ["type", "figure", "at least", "measured", "at worst (95 %)", "at best (95 %)", "verdict"];
        Table::new(2, head, self.verdicts.iter().map(verdict_row))
    }

    /// What the gate compared.
    pub(super) fn sentence(&self) -> String {
        let percent = self.fail_under_percent;
        let outcome = match self.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Unknown => "cannot tell",
        };
        let asked = match &self.baseline {
            Some(baseline) => {
                format!("speed-ups of at least {percent} % of those in {} of {}", baseline.file, baseline.measured_at)
            }
            None => format!("hits that save at least {percent} % of a load"),
        };
        let not_judged = match self.not_judged.as_slice() {
            [] => String::new(),
            types => {
                let named = |NotJudged { name, why }: &NotJudged| format!("{name} ({why})");
                format!("; not judged: {}", types.iter().map(named).collect::<Vec<_>>().join(", "))
            }
        };
        format!("gate {outcome}: {asked}{not_judged}")
    }
}

fn costs_row((name, advice): (&str, &Advice)) -> [String; 5] {
    let costs = advice.costs;
    let estimated = if costs.miss_estimated { UNCERTAIN } else { "" };
    let [load, hit, miss] = [costs.load_us, costs.hit_us, costs.miss_us].map(|us| micros(Some(us)));
    let break_even = advice.break_even_hit_rate.map_or_else(|| "never".to_owned(), |rate| render::percent(Some(rate)));
    [name.to_owned(), load, hit, format!("{estimated}{miss}"), break_even]
}

fn production_row(name: &str, production: &Production) -> [String; 8] {
    let Production { hours, reads, misses, invalidated, hit_rate, read_us, database_seconds_saved, .. } = *production;
    let [hours, reads, misses, invalidated] = [hours, reads, misses, invalidated].map(render::count);
    let (rate, saved) = (render::percent(Some(hit_rate)), format!("{database_seconds_saved:.2}"));
    [name.to_owned(), hours, reads, rate, misses, invalidated, micros(Some(read_us)), saved]
}

fn effect_row(name: &str, effect: &TtlEffect, now_seconds: u64) -> [String; 5] {
    let TtlEffect { ttl_seconds, loads_change, hit_rate } = *effect;
    let [other, now] = [ttl_seconds, now_seconds].map(|seconds| seconds.to_string());
    [name.to_owned(), other, now, format!("{loads_change:+.0}"), render::percent(Some(hit_rate))]
}

fn type_row(of_type: &TypeReport) -> [String; 8] {
    let keys = match of_type.keys {
        Some(0) => NO_ROWS.to_owned(),
        keys => keys.map_or_else(|| NONE.to_owned(), render::count),
    };
    let requests = of_type.measured.as_ref().map(|measured| measured.requests).unwrap_or_default();
    requests_row(&of_type.name, keys, &requests)
}

fn requests_row(name: &str, keys: String, requests: &Requests) -> [String; 8] {
    let count = render::count;
    let (hit_rate, miss_rate) = (render::percent(requests.hit_rate), render::percent(requests.miss_rate));
    let (hits, misses, bypassed) = (count(requests.hits), count(requests.misses), count(requests.bypassed));
    [name.to_owned(), keys, count(requests.requests), hits, misses, bypassed, hit_rate, miss_rate]
}

fn times_row(name: &str, times: &Times) -> Vec<String> {
    let mut row = vec![name.to_owned(), answered_by(times), render::count(times.count), micros(times.mean_us)];
    row.extend(times.percentiles.iter().map(|percentile| percentile_cell(percentile, times.count)));
    row
}

fn percentile_cell(percentile: &PercentileTime, count: u64) -> String {
    match percentile.support {
        Support::TooFew if count > 0 => TOO_FEW.to_owned(),
        Support::Uncertain => format!("{UNCERTAIN}{}", micros(percentile.us)),
        Support::TooFew | Support::Good => micros(percentile.us),
    }
}

fn answered_by(times: &Times) -> String {
    let source = times.source;
    match times.kind {
        Kind::Load => format!("{source} (past the cache)"),
        Kind::Hit => format!("{source} (hit)"),
        Kind::Miss => format!("{source} (miss: load and fill)"),
        Kind::Bypass => format!("{source} (no Redis)"),
    }
}

fn improvement_row(name: &str, improvement: &Improvement) -> [String; 6] {
    let Improvement { of_means, of_pairs, tier, .. } = *improvement;
    let mean = |cell: &dyn Fn(Gain) -> String| of_means.map_or_else(|| TOO_FEW.to_owned(), cell);
    let pairs = |cell: &dyn Fn(Gain) -> String| {
        of_pairs.map_or_else(
            || TOO_FEW.to_owned(),
            |PairedGain { median, low, high, .. }| interval([median, low, high].map(cell)),
        )
    };
    let (saved, faster) = (|gain: Gain| saved(gain.percent), |gain: Gain| format!("{:.2}", gain.factor));
    [name.to_owned(), tier.to_owned(), mean(&saved), mean(&faster), pairs(&saved), pairs(&faster)]
}

/// Two decimal places if one would hide the differences.
fn saved(percent: f64) -> String {
    if percent > 99.0 { format!("{percent:.2}") } else { format!("{percent:.1}") }
}

/// `75.0 [74.1 to 75.8]`
fn interval([median, low, high]: [String; 3]) -> String {
    format!("{median} [{low} to {high}]")
}

fn verdict_row(verdict: &Judgement) -> [String; 7] {
    let (figure, number): (_, fn(f64) -> String) = match verdict.figure {
        Figure::SpeedUp => ("faster than a load (×)", |factor| format!("{factor:.2}")),
        Figure::SavedPercent => ("saved of a load (%)", saved),
    };
    let outcome = match verdict.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "FAILED",
        Outcome::Unknown => "cannot tell",
    };
    [
        verdict.name.clone(),
        figure.to_owned(),
        number(verdict.required),
        number(verdict.measured),
        number(verdict.measured_low),
        number(verdict.measured_high),
        outcome.to_owned(),
    ]
}

/// Two decimal places if one would leave too few digits.
fn micros(value: Option<f64>) -> String {
    match value {
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.1}"),
        None => NONE.to_owned(),
    }
}
