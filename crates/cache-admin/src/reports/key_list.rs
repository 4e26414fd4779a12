//! The report of `inspect --list`.

use std::collections::BTreeSet;

use cli_support::{Report, render};
use serde::Serialize;

#[derive(Serialize)]
pub(crate) struct KeyList {
    /// The texts of the keys in Redis, sorted.
    pub(crate) keys: BTreeSet<String>,
    /// Whether the list is complete.
    pub(crate) complete: bool,
}

impl Report for KeyList {
    fn to_text(&self) -> String {
        let more = match (self.complete, self.keys.len()) {
            (true, 0) => Some("nothing is cached".to_owned()),
            (true, _) => None,
            (false, shown) => {
                Some(format!("and more: these are {}; --limit N shows more", render::count(shown as u64)))
            }
        };
        self.keys.iter().cloned().chain(more).collect::<Vec<_>>().join("\n")
    }
}
