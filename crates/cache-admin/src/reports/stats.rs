//! The report of `stats`.

use billing_cache::{ServerInfo, TypeSurvey};
use cli_support::Report;
use cli_support::render::{bytes, count, facts, marked_if_partial, percent, table, to_f64};
use serde::Serialize;

const ESTIMATED: &str =
    "memory and times to live of types that were not measured wholly are estimates; --exact measures all";

const FOREIGN: &str = "keys of other programs are counted, not measured: `redis-cli --memkeys` shows the largest ones, and walks over \
     every key";

/// Shown if the server does not report a value, or not to this user.
const UNKNOWN: &str = "unknown";

#[derive(Serialize)]
pub(crate) struct StatsReport {
    /// Whether all keys were scanned; otherwise the numbers of keys are those before the interruption.
    pub(crate) complete: bool,
    pub(crate) server: Server,
    /// Hits and misses cover this many hours.
    pub(crate) hours: u64,
    pub(crate) types: Vec<TypeStats>,
    /// The cached values of all types together.
    pub(crate) total: Total,
    #[serde(flatten)]
    pub(crate) others: Others,
}

#[derive(Serialize)]
pub(crate) struct Server {
    pub(crate) endpoint: String,
    #[serde(flatten)]
    pub(crate) info: ServerInfo,
}

#[derive(Serialize)]
pub(crate) struct TypeStats {
    #[serde(flatten)]
    pub(crate) found: TypeSurvey,
    #[serde(flatten)]
    pub(crate) counted: Counted,
}

/// Cached values of all types.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Total {
    pub(crate) keys: u64,
    pub(crate) measured: u64,
    /// `None` if the server does not report the memory of a type.
    pub(crate) bytes: Option<u64>,
    /// The errors of the types are independent of each other, so their squares are added.
    pub(crate) bytes_error: Option<u64>,
}

#[derive(Serialize)]
pub(crate) struct Counted {
    pub(crate) hits: u64,
    /// The hits that needed no Redis.
    pub(crate) hits_l1: u64,
    pub(crate) misses: u64,
    pub(crate) bypassed: u64,
    /// From 0 to 1; `None` if nothing was read.
    pub(crate) hit_rate: Option<f64>,
}

/// Keys that are not cached values.
#[derive(Serialize)]
pub(crate) struct Others {
    pub(crate) leases: u64,
    pub(crate) bookkeeping: u64,
    pub(crate) foreign: u64,
}

impl Report for StatsReport {
    fn to_text(&self) -> String {
        let tables = [self.server.to_text(), self.keys(), self.ttls(), self.reads(), self.others.to_text()];
        let sampled = self.types.iter().any(|of_type| of_type.found.measured < of_type.found.keys);
        let notes = [sampled.then_some(ESTIMATED), (self.others.foreign > 0).then_some(FOREIGN)];
        let parts = tables.into_iter().chain(notes.into_iter().flatten().map(str::to_owned));
        marked_if_partial(self.complete, parts.collect::<Vec<_>>().join("\n\n"))
    }
}

impl Total {
    pub(crate) fn of(types: &[TypeStats]) -> Self {
        let sum = |number: fn(&TypeSurvey) -> u64| types.iter().map(|of_type| number(&of_type.found)).sum();
        let errors = types.iter().map(|of_type| of_type.found.bytes_error);
        let squares: Option<f64> = errors.map(|error| error.map(|error| to_f64(error).powi(2))).sum();
        Self {
            keys: sum(|found| found.keys),
            measured: sum(|found| found.measured),
            bytes: types.iter().map(|of_type| of_type.found.bytes).sum(),
            bytes_error: squares.map(root),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of bytes, squared before")]
fn root(squares: f64) -> u64 {
    squares.sqrt().ceil() as u64
}

impl Server {
    fn to_text(&self) -> String {
        let ServerInfo { version, role, used_memory, used_memory_peak, maxmemory, maxmemory_policy } = &self.info;
        let limit = if *maxmemory == 0 { "none".to_owned() } else { bytes(*maxmemory) };
        facts([
            ("Redis", self.endpoint.clone()),
            ("version", version.clone()),
            ("role", role.clone()),
            ("memory used", bytes(*used_memory)),
            ("memory peak", bytes(*used_memory_peak)),
            ("memory limit", limit),
            ("eviction policy", maxmemory_policy.clone()),
        ])
    }
}

impl StatsReport {
    fn keys(&self) -> String {
        let head = ["cached values", "keys", "measured", "memory (bytes)", "± (bytes, 95 %)"];
        let row = |TypeStats { found, .. }: &TypeStats| {
            let [bytes, error] =
                [found.bytes, found.bytes_error].map(|bytes| bytes.map_or_else(|| UNKNOWN.to_owned(), count));
            [found.name.to_owned(), count(found.keys), count(found.measured), bytes, error]
        };
        let total = &self.total;
        let [bytes, error] =
            [total.bytes, total.bytes_error].map(|bytes| bytes.map_or_else(|| UNKNOWN.to_owned(), count));
        let total = ["total".to_owned(), count(total.keys), count(total.measured), bytes, error];
        table(head, self.types.iter().map(row).chain([total]))
    }

    fn ttls(&self) -> String {
        let head = ["keys by time to live", "no expiry", "< 1 min", "< 5 min", "< 1 h", "< 24 h", "more"];
        let row = |TypeStats { found, .. }: &TypeStats| {
            let ttl = found.ttl;
            let numbers = [ttl.no_expiry, ttl.under_1_min, ttl.under_5_min, ttl.under_1_h, ttl.under_24_h, ttl.more];
            let [no_expiry, under_1_min, under_5_min, under_1_h, under_24_h, more] = numbers.map(count);
            [found.name.to_owned(), no_expiry, under_1_min, under_5_min, under_1_h, under_24_h, more]
        };
        table(head, self.types.iter().map(row))
    }

    fn reads(&self) -> String {
        let what = format!("reads of the last {} h", self.hours);
        let head = [what.as_str(), "hits", "of them L1", "misses", "bypassed", "hit rate (%)"];
        let row = |TypeStats { found, counted }: &TypeStats| {
            let numbers = [counted.hits, counted.hits_l1, counted.misses, counted.bypassed];
            let [hits, hits_l1, misses, bypassed] = numbers.map(count);
            [found.name.to_owned(), hits, hits_l1, misses, bypassed, percent(counted.hit_rate)]
        };
        table(head, self.types.iter().map(row))
    }
}

impl Others {
    fn to_text(&self) -> String {
        let row = |(name, keys): (&str, u64)| [name.to_owned(), count(keys)];
        let rows = [
            ("leases (loads in flight)", self.leases),
            ("bookkeeping (counters, reads)", self.bookkeeping),
            ("of other programs", self.foreign),
        ];
        table(["other keys", "keys"], rows.map(row))
    }
}
