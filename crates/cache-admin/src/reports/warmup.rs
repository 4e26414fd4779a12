//! The report of `warmup`.

use cli_support::Report;
use cli_support::render::{count, marked_if_partial, percent, table};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct WarmupReport {
    /// False after an interruption.
    pub(crate) complete: bool,
    /// A note, if the order differs from the requested one.
    pub(crate) note: Option<&'static str>,
    pub(crate) types: Vec<WarmedType>,
}

#[derive(Serialize)]
pub(crate) struct WarmedType {
    pub(crate) name: &'static str,
    /// Number of values loaded and stored.
    pub(crate) loaded: usize,
    /// Already cached, or being loaded by a reader.
    pub(crate) skipped: usize,
    /// Loaded, but changed meanwhile, too large, or refused by Redis.
    pub(crate) not_stored: usize,
    /// Not loaded because of the error; `None` if the number is unknown.
    pub(crate) failed: Option<u64>,
    pub(crate) seconds: f64,
    pub(crate) error: Option<String>,
    /// Number of keys chosen because they are read.
    pub(crate) by_use: usize,
    /// Number of keys chosen because they are new.
    pub(crate) newest: usize,
    /// Not loaded because the database time was used up, or because of Ctrl-C.
    pub(crate) left: u64,
    /// Reads of the keys that are cached now, as a share of all reads of the type; `None` if no reads are known.
    pub(crate) reads_covered: Option<f64>,
    /// Total database time.
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
    /// The row for several rounds: results are added up, chosen keys are those of the last round.
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
