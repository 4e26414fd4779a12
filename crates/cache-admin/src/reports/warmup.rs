//! The report of `warmup`.

use cli_support::Report;
use cli_support::render::{count, marked_if_partial, percent, table};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct WarmupReport {
    /// Whether it was not interrupted.
    pub(crate) complete: bool,
    /// What whoever asked for something else must know.
    pub(crate) note: Option<&'static str>,
    pub(crate) types: Vec<WarmedType>,
}

#[derive(Serialize)]
pub(crate) struct WarmedType {
    pub(crate) name: &'static str,
    /// Loaded and stored.
    pub(crate) loaded: usize,
    /// Cached already, or being loaded by a reader.
    pub(crate) skipped: usize,
    /// Loaded, but changed meanwhile or refused by Redis.
    pub(crate) not_stored: usize,
    /// Not loaded because of the error; none if it is not known how many.
    pub(crate) failed: Option<u64>,
    pub(crate) seconds: f64,
    pub(crate) error: Option<String>,
    /// So many keys were wanted because they are asked for.
    pub(crate) by_use: usize,
    /// So many were wanted because they are new.
    pub(crate) newest: usize,
    /// Not loaded because the time for it was over, or because of Ctrl-C.
    pub(crate) left: u64,
    /// Reads of the keys that are cached now, as a share of all reads of the type; none where no reads are known.
    pub(crate) reads_covered: Option<f64>,
    /// How long the database took.
    pub(crate) database_seconds: f64,
}

impl Report for WarmupReport {
    fn to_text(&self) -> String {
        let head = ["warmed up", "loaded", "skipped", "not stored", "failed", "time (s)"];
        let loaded = table(head, self.types.iter().map(WarmedType::to_row));
        let head = ["chosen", "by use", "newest", "left", "reads covered (%)", "database (s)"];
        let chosen = table(head, self.types.iter().map(WarmedType::to_choice));
        let note = self.note.map(|note| format!("\n\n{note}")).unwrap_or_default();
        marked_if_partial(self.complete, format!("{loaded}\n\n{chosen}{note}"))
    }
}

impl WarmedType {
    /// The line of several rounds: what was done is added up, what was wanted is that of the last.
    pub(crate) fn after(self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        Self {
            loaded: before.loaded + self.loaded,
            skipped: before.skipped + self.skipped,
            not_stored: before.not_stored + self.not_stored,
            seconds: before.seconds + self.seconds,
            database_seconds: before.database_seconds + self.database_seconds,
            ..self
        }
    }

    fn to_row(&self) -> [String; 6] {
        let [loaded, skipped, not_stored] =
            [self.loaded, self.skipped, self.not_stored].map(|number| count(number as u64));
        let failed = self.failed.map_or_else(|| "all".to_owned(), count);
        [self.name.to_owned(), loaded, skipped, not_stored, failed, format!("{:.2}", self.seconds)]
    }

    fn to_choice(&self) -> [String; 6] {
        let [by_use, newest] = [self.by_use, self.newest].map(|number| count(number as u64));
        let database = format!("{:.2}", self.database_seconds);
        [self.name.to_owned(), by_use, newest, count(self.left), percent(self.reads_covered), database]
    }
}
