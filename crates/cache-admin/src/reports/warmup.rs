//! The report of `warmup`.

use cli_support::Report;
use cli_support::render::{count, marked_if_partial, table};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct WarmupReport {
    /// Whether all types were tried; else the last one of the list, and those after it, were interrupted.
    pub(crate) complete: bool,
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
}

impl Report for WarmupReport {
    fn to_text(&self) -> String {
        let head = ["warmed up", "loaded", "skipped", "not stored", "failed", "time (s)"];
        marked_if_partial(self.complete, table(head, self.types.iter().map(WarmedType::to_row)))
    }
}

impl WarmedType {
    fn to_row(&self) -> [String; 6] {
        let [loaded, skipped, not_stored] =
            [self.loaded, self.skipped, self.not_stored].map(|number| count(number as u64));
        let failed = self.failed.map_or_else(|| "all".to_owned(), count);
        [self.name.to_owned(), loaded, skipped, not_stored, failed, format!("{:.2}", self.seconds)]
    }
}
