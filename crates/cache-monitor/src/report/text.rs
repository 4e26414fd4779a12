//! The report for people: three tables and what is to be said about them.

use cli_support::Report;
use cli_support::render::{self, NONE};

use super::build::{MIN_SAMPLES, MIN_SAMPLES_P99};
use super::{Gain, Improvement, Kind, Measured, MonitorReport, Requests, Times, TypeReport};

const NO_ROWS: &str = "no rows in the database";
const TOO_FEW: &str = "too few";
const UNCERTAIN: &str = "~";

impl Report for MonitorReport {
    fn to_text(&self) -> String {
        let mut parts = vec![self.head(), self.requests(), self.times(), self.improvements()];
        parts.extend(self.legend());
        parts.extend((!self.notes.is_empty()).then(|| self.notes.join("\n")));
        parts.join("\n\n")
    }
}

impl MonitorReport {
    fn head(&self) -> String {
        let drawn =
            format!("{}, drawn from up to {} keys (Zipf {})", self.iterations, self.keys_limit, self.zipf_exponent);
        render::facts([
            ("requests per type", drawn),
            ("seed", self.seed.to_string()),
            ("database", self.database.clone()),
            ("redis", self.redis.clone()),
        ])
    }

    fn requests(&self) -> String {
        let head = ["type", "keys", "requests", "hits", "misses", "bypassed", "hit rate (%)", "miss rate (%)"];
        let total = requests_row("total", NONE.to_owned(), &self.total);
        render::table(head, self.types.iter().map(type_row).chain([total]))
    }

    fn times(&self) -> String {
        let head = ["type", "answered by", "count", "mean (µs)", "p50 (µs)", "p95 (µs)", "p99 (µs)"];
        let rows = self.measured().flat_map(|(name, measured)| {
            // Most runs bypass nothing, and need no row to say so.
            let shown = measured.times.iter().filter(|times| times.count > 0 || times.kind != Kind::Bypass);
            shown.map(move |times| times_row(name, times))
        });
        render::labelled_table(2, head, rows)
    }

    fn improvements(&self) -> String {
        let head = [
            "type",
            "hits against database",
            "mean: saved (%)",
            "mean: faster (×)",
            "p50: saved (%)",
            "p50: faster (×)",
        ];
        let rows = self.measured().flat_map(|(name, measured)| {
            measured.improvements.iter().map(move |improvement| improvement_row(name, improvement))
        });
        render::labelled_table(2, head, rows)
    }

    fn measured(&self) -> impl Iterator<Item = (&str, &Measured)> {
        self.types.iter().filter_map(|of_type| Some((of_type.name.as_str(), of_type.measured.as_ref()?)))
    }

    /// Explains the marks, if there are any.
    fn legend(&self) -> Option<String> {
        let all: Vec<&Times> = self.measured().flat_map(|(_, measured)| &measured.times).collect();
        let too_few = all.iter().any(|times| times.count > 0 && times.too_few_samples);
        let uncertain = all.iter().any(|times| times.p99_uncertain);
        let too_few =
            too_few.then(|| format!("{TOO_FEW}: fewer than {MIN_SAMPLES} samples; more --iterations give more"));
        let uncertain = uncertain
            .then(|| format!("{UNCERTAIN}: fewer than {MIN_SAMPLES_P99} samples, so little else than the slowest one"));
        let lines: Vec<String> = too_few.into_iter().chain(uncertain).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn type_row(of_type: &TypeReport) -> [String; 8] {
    match &of_type.measured {
        Some(measured) => requests_row(&of_type.name, render::count(of_type.keys), &measured.requests),
        None => requests_row(&of_type.name, NO_ROWS.to_owned(), &Requests::default()),
    }
}

fn requests_row(name: &str, keys: String, requests: &Requests) -> [String; 8] {
    let count = render::count;
    let (hit_rate, miss_rate) = (render::percent(requests.hit_rate), render::percent(requests.miss_rate));
    let (hits, misses, bypassed) = (count(requests.hits), count(requests.misses), count(requests.bypassed));
    [name.to_owned(), keys, count(requests.requests), hits, misses, bypassed, hit_rate, miss_rate]
}

fn times_row(name: &str, times: &Times) -> [String; 7] {
    let too_few = times.count > 0 && times.too_few_samples;
    let percentile = |value| if too_few { TOO_FEW.to_owned() } else { micros(value) };
    let mark = if times.p99_uncertain { UNCERTAIN } else { "" };
    [
        name.to_owned(),
        answered_by(times),
        render::count(times.count),
        micros(times.mean_us),
        percentile(times.p50_us),
        percentile(times.p95_us),
        format!("{mark}{}", percentile(times.p99_us)),
    ]
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
    let percent = |gain: Option<Gain>| gain.map_or_else(|| TOO_FEW.to_owned(), |gain| format!("{:.1}", gain.percent));
    let factor = |gain: Option<Gain>| gain.map_or_else(|| TOO_FEW.to_owned(), |gain| format!("{:.2}", gain.factor));
    let (means, medians) = (improvement.of_means, improvement.of_medians);
    let tier = improvement.tier.to_owned();
    [name.to_owned(), tier, percent(means), factor(means), percent(medians), factor(medians)]
}

/// Two digits where one would leave little of the number.
fn micros(value: Option<f64>) -> String {
    match value {
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) => format!("{value:.1}"),
        None => NONE.to_owned(),
    }
}
