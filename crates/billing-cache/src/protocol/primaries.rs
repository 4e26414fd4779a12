//! The primaries that are connected now, each with its history. A relay uses this to decide which rows to apply.
//!
//! A single server is one primary; a Redis Cluster has one for each primary with slots.
//!
//! Used by the relay, writers and the audit.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::history::History;
use super::invalidate;
use crate::connection::error::L2Error;
use crate::connection::link::ConnectionNumber;
use crate::connection::shards::Shards;
use crate::connection::slot_map::Layout;
use crate::declaration::any_key::AnyKey;

/// A server that was connected and answered that it is a primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Its connection.
    pub connection: ConnectionNumber,
    /// Its history; `None` if the server does not report one.
    pub history: Option<History>,
}

/// Identifies a slot map of a process, in the order in which the process learned them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutNumber(pub(crate) u64);

/// The primaries; see the module.
#[derive(Clone)]
pub struct Primaries {
    layout: Arc<Layout>,
    /// By the indexes of the links of the slot map; `None` for a primary that is away.
    found: Vec<Option<Primary>>,
}

impl Primaries {
    /// The primaries that answered.
    pub fn iter(&self) -> impl Iterator<Item = &Primary> {
        self.found.iter().flatten()
    }

    /// Whether there is a primary for every key.
    #[must_use]
    pub fn are_all(&self) -> bool {
        self.layout.is_covered() && !self.found.is_empty() && self.found.iter().all(Option::is_some)
    }

    /// The slot map by which the keys are spread over them.
    #[must_use]
    pub fn layout(&self) -> LayoutNumber {
        LayoutNumber(self.layout.number())
    }

    /// Whether the keys are spread over more than one.
    #[must_use]
    pub fn are_many(&self) -> bool {
        self.found.len() > 1
    }

    /// The primary that has this key; `None` if it is away.
    #[must_use]
    pub fn of_key(&self, key: &AnyKey) -> Option<&Primary> {
        self.found.get(self.layout.place_of(key.as_str()))?.as_ref()
    }

    /// Their histories, and the history of all together. Primaries that do not report a history are left out.
    #[must_use]
    pub fn histories(&self) -> BTreeSet<History> {
        self.iter().filter_map(|primary| primary.history.clone()).chain(self.history_of_all()).collect()
    }

    /// The history of a removal on all primaries; `None` if one is away or does not report a history.
    #[must_use]
    pub fn history_of_all(&self) -> Option<History> {
        let told = self.found.iter().map(|primary| primary.as_ref()?.history.as_ref());
        History::of_all(&told.collect::<Option<Vec<_>>>().filter(|_| self.are_all())?)
    }

    /// Whether a primary does not report its history.
    #[must_use]
    pub fn hide_history(&self) -> bool {
        self.iter().any(|primary| primary.history.is_none())
    }
}

impl PartialEq for Primaries {
    /// Whether they are the same servers in the same histories, with the same slot map.
    fn eq(&self, other: &Self) -> bool {
        self.layout() == other.layout() && self.found == other.found
    }
}

impl std::fmt::Debug for Primaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Primaries").field("layout", &self.layout.number()).field("found", &self.found).finish()
    }
}

/// Asks every primary for its history. Fails if none can be used.
pub(crate) async fn of(shards: &Shards) -> Result<Primaries, L2Error> {
    let layout = shards.layout();
    let histories = invalidate::histories(layout.links(), shards.batch_limit()).await;
    let mut error = None;
    let mut found = Vec::with_capacity(histories.len());
    for (link, history) in layout.links().iter().zip(histories) {
        found.push(match history {
            // An answer over an earlier connection does not count for the current one.
            Ok((connection, history)) if link.connection() == Some(connection) => Some(Primary { connection, history }),
            Ok(_) => None,
            Err(failed) => {
                error.get_or_insert(failed);
                None
            }
        });
    }
    if found.iter().all(Option::is_none) {
        return Err(error.unwrap_or(L2Error::Away));
    }
    Ok(Primaries { layout, found })
}
