//! The report of `inspect`.

use std::time::Duration;

use anyhow::Result;
use billing_cache::{AnyKey, KeyState, Standing};
use billing_core::time::{now, to_isoformat};
use billing_core::{printable, printable_lines};
use billing_outbox::audit::{Difference, Differences, Outcome};
use billing_outbox::outbox::Trace;
use chrono::TimeDelta;
use cli_support::render::{NONE, bytes, duration, facts, labelled_table};
use cli_support::{Code, Report, exit};
use serde::Serialize;
use serde_json::Value;

use super::fields;

/// Maximum number of characters of a value in the text; the JSON contains all of it.
const SHOWN: usize = 20_000;

const WRONG: &str = "\
next, in this order; keep what is shown above, because a repair takes the difference away:
  cache-admin doctor                 are all triggers there? where it says `migrate`, do that first
  cache-admin verify --all --repair  removes this value and its like";
const PENDING: &str = "\
next:
  cache-admin inspect KEY            again: a relay is about to apply the invalidation
  cache-admin doctor                 if it stays pending: does a service run, and does it reach Redis?";

/// The result of the comparison with the database.
pub(crate) struct InDatabase {
    /// Whether the database has the value.
    pub(crate) exists: bool,
    /// How the cached value compares with the database; `None` if nothing is cached.
    pub(crate) outcome: Option<Outcome>,
    /// Which row of the value cannot be read, and why.
    pub(crate) unreadable: Option<String>,
    pub(crate) invalidations: Vec<Trace>,
}

impl InDatabase {
    pub(crate) fn code(&self) -> Code {
        let is_fine = self.unreadable.is_none() && !self.outcome.as_ref().is_some_and(Outcome::is_wrong);
        if is_fine { Code::Fine } else { Code::No }
    }
}

#[derive(Serialize)]
pub(crate) struct InspectReport {
    key: String,
    #[serde(rename = "type")]
    cache_type: &'static str,
    verdict: &'static str,
    /// `None` if nothing is cached.
    cached: Option<Stood>,
    lease: Option<Lease>,
    /// `None` if the database was not reached.
    database: Option<Compared>,
    database_error: Option<String>,
}

/// The content of Redis.
#[derive(Serialize)]
struct Stood {
    /// `None` if it is not JSON.
    value: Option<Value>,
    /// The content as text, if it is not JSON.
    raw: Option<String>,
    decodes: bool,
    /// Why it does not decode.
    reason: Option<String>,
    /// Length of the JSON.
    bytes: Option<usize>,
    /// The memory it uses on the server.
    memory_bytes: Option<u64>,
    /// `None` if it never expires.
    ttl_seconds: Option<f64>,
    expires_at: Option<String>,
}

/// A load is in progress.
#[derive(Serialize)]
struct Lease {
    ttl_seconds: f64,
}

#[derive(Serialize)]
struct Compared {
    exists: bool,
    /// Which row cannot be read, and why.
    unreadable: Option<String>,
    /// Age of the pending invalidation.
    pending_seconds: Option<f64>,
    fields: Vec<Difference>,
    fields_omitted: usize,
    invalidations: Vec<Invalidated>,
}

/// A row of the outbox.
#[derive(Serialize)]
struct Invalidated {
    created_at: String,
    table_name: String,
    /// `None` while it is pending.
    relayed_at: Option<String>,
    redis_history: Option<String>,
    whole_type: bool,
}

impl InspectReport {
    pub(crate) fn new(
        key: &AnyKey,
        state: KeyState,
        undecodable: Option<String>,
        database: Result<InDatabase>,
    ) -> Self {
        let verdict = match &database {
            _ if state.standing == Standing::Absent => "not_cached",
            Ok(InDatabase { outcome: Some(outcome), .. }) => outcome.as_str(),
            _ if undecodable.is_some() => "undecodable",
            _ => "not_compared",
        };
        let database_error = database.as_ref().err().map(exit::sentence);
        Self {
            key: key.to_string(),
            cache_type: key.cache_type(),
            verdict,
            lease: state.lease_ms.map(|ms| Lease { ttl_seconds: seconds(ms) }),
            cached: Stood::of(state, undecodable),
            database: database.ok().map(Compared::of),
            database_error,
        }
    }
}

impl Stood {
    fn of(state: KeyState, reason: Option<String>) -> Option<Self> {
        let length = state.standing.length();
        let bytes = match state.standing {
            Standing::Absent => return None,
            Standing::NotAString | Standing::TooLong { .. } => None,
            Standing::Value(bytes) => Some(bytes),
        };
        let value: Option<Value> = bytes.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        Some(Self {
            raw: bytes.as_ref().filter(|_| value.is_none()).map(text),
            value,
            decodes: reason.is_none(),
            reason,
            bytes: length,
            memory_bytes: state.memory_bytes,
            ttl_seconds: state.ttl_ms.map(seconds),
            expires_at: state.ttl_ms.map(ends_at),
        })
    }
}

/// When a value with this remaining time to live expires. A time after the year 9999 is shown as the end of that year.
fn ends_at(ttl_ms: u64) -> String {
    let left = i64::try_from(ttl_ms).ok().and_then(TimeDelta::try_milliseconds).unwrap_or(TimeDelta::MAX);
    (now() + left).to_string()
}

impl Compared {
    fn of(database: InDatabase) -> Self {
        let (pending_seconds, differences) = match database.outcome {
            Some(Outcome::Stale { differences }) => (None, differences),
            Some(Outcome::Pending { age, differences }) => (Some(age.as_secs_f64()), differences),
            _ => (None, Differences::default()),
        };
        Self {
            exists: database.exists,
            unreadable: database.unreadable,
            pending_seconds,
            fields: differences.fields,
            fields_omitted: differences.omitted,
            invalidations: database.invalidations.into_iter().map(Invalidated::of).collect(),
        }
    }
}

impl Invalidated {
    fn of(row: Trace) -> Self {
        // Another program may have written a value that is no time.
        let time = |time: Option<_>| time.map_or_else(|| "unreadable".to_owned(), to_isoformat);
        Self {
            created_at: time(row.created_at),
            table_name: row.table_name,
            relayed_at: (!row.is_pending).then(|| time(row.relayed_at)),
            redis_history: row.redis_history,
            whole_type: row.whole_type,
        }
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

impl Report for InspectReport {
    fn to_text(&self) -> String {
        let cached = self.cached.as_ref();
        let database = self.database.as_ref();
        let parts = [
            Some(self.facts()),
            cached.map(Stood::to_text),
            database.and_then(Compared::differing),
            database.map(Compared::trail),
            self.next_steps().map(str::to_owned),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    }
}

impl InspectReport {
    /// The suggested next steps. Inspecting comes first, because a repair removes the difference.
    fn next_steps(&self) -> Option<&'static str> {
        match self.verdict {
            "stale" | "undecodable" => Some(WRONG),
            "pending" => Some(PENDING),
            _ => None,
        }
    }

    fn facts(&self) -> String {
        let cached = self.cached.as_ref();
        let or_none = |fact: Option<String>| fact.unwrap_or_else(|| NONE.to_owned());
        let size = |size: Option<u64>| or_none(size.map(bytes));
        let ends = |cached: &Stood| match (cached.ttl_seconds, &cached.expires_at) {
            (Some(left), Some(at)) => format!("in {}, at {at} UTC", duration(Duration::from_secs_f64(left))),
            _ => "never".to_owned(),
        };
        let held = |lease: &Lease| format!("held, for {}", duration(Duration::from_secs_f64(lease.ttl_seconds)));
        facts([
            ("key", self.key.clone()),
            ("type", self.cache_type.to_owned()),
            ("verdict", self.verdict_in_words()),
            ("in the database", self.existence()),
            ("length", size(cached.and_then(|cached| cached.bytes).map(|bytes| bytes as u64))),
            ("memory on the server", size(cached.and_then(|cached| cached.memory_bytes))),
            ("expires", or_none(cached.map(ends))),
            ("lease", self.lease.as_ref().map_or_else(|| "not held".to_owned(), held)),
        ])
    }

    fn verdict_in_words(&self) -> String {
        let pending = self.database.as_ref().and_then(|database| database.pending_seconds);
        match self.verdict {
            "right" => "right: it is what the database says".to_owned(),
            "stale" => "stale: it differs, and no invalidation is on its way".to_owned(),
            "pending" => format!("pending: invalidation on its way for {:.1} s", pending.unwrap_or_default()),
            "undecodable" => "undecodable: readers take it for a miss and replace it".to_owned(),
            "unreadable" => "unreadable: the row in the database is, so nothing can be compared".to_owned(),
            "gone" => "gone while it was looked at".to_owned(),
            "not_cached" => "not cached".to_owned(),
            _ => "not compared: the database could not be asked".to_owned(),
        }
    }

    fn existence(&self) -> String {
        let words = |database: &Compared| match &database.unreadable {
            Some(reason) => reason.clone(),
            None if database.exists => "there is a value".to_owned(),
            None => "there is no value".to_owned(),
        };
        self.database.as_ref().map_or_else(|| "not known".to_owned(), words)
    }
}

impl Stood {
    fn to_text(&self) -> String {
        let value = self.value.as_ref().map(|value| printable_lines(&format!("{value:#}")));
        let raw = || self.raw.as_deref().map(|raw| printable(raw).into_owned());
        let absent = if self.bytes.is_some() { "too long to be shown" } else { "no string" };
        let shown = value.or_else(raw).unwrap_or_else(|| absent.to_owned());
        let shown = beginning(&shown, SHOWN);
        match &self.reason {
            Some(reason) => format!("{shown}\n\ndoes not decode: {}", printable(reason)),
            None => shown,
        }
    }
}

impl Compared {
    fn differing(&self) -> Option<String> {
        let head = ["field", "cached", "database"];
        let table = (!self.fields.is_empty()).then(|| labelled_table(3, head, fields::rows(self.fields.iter())))?;
        Some(match self.fields_omitted {
            0 => table,
            omitted => format!("{table}\nand {omitted} further fields"),
        })
    }

    fn trail(&self) -> String {
        if self.invalidations.is_empty() {
            return "no invalidation of it is in the outbox".to_owned();
        }
        let head = ["invalidated (UTC)", "by a change of", "concerns", "relayed (UTC)", "Redis history"];
        let row = |row: &Invalidated| {
            let concerns = if row.whole_type { "the whole type" } else { "this key" };
            let relayed = row.relayed_at.clone().unwrap_or_else(|| "pending".to_owned());
            let history = row.redis_history.as_deref().map_or_else(|| NONE.to_owned(), |it| beginning(it, OF_HISTORY));
            [row.created_at.clone(), row.table_name.clone(), concerns.to_owned(), relayed, history]
        };
        labelled_table(head.len(), head, self.invalidations.iter().map(row))
    }
}

/// Enough characters to tell two histories apart.
const OF_HISTORY: usize = 12;

/// The first `shown` characters of a text.
fn beginning(text: &str, shown: usize) -> String {
    match text.char_indices().nth(shown) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
