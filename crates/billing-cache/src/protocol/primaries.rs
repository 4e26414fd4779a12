//! The primaries that are connected now, each with the history that it is in: what a relay has to know of Redis.
//!
//! One server is one primary; a Redis Cluster has one for each master with slots.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::history::History;
use super::invalidate;
use crate::connection::error::L2Error;
use crate::connection::link::ConnectionNumber;
use crate::connection::shards::Shards;
use crate::connection::slot_map::Layout;
use crate::declaration::any_key::AnyKey;

/// A server that was connected, and answered that it is a primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Primary {
    /// Its connection.
    pub connection: ConnectionNumber,
    /// The history that it is in; none where it does not tell.
    pub history: Option<History>,
}

/// Which of the layouts of a process it is, in the order in which it learned them: who has which keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutNumber(pub(crate) u64);

/// See the module.
#[derive(Clone)]
pub struct Primaries {
    layout: Arc<Layout>,
    /// By the places of the layout's links; none for one that is away.
    found: Vec<Option<Primary>>,
}

impl Primaries {
    /// Those that answered.
    pub fn iter(&self) -> impl Iterator<Item = &Primary> {
        self.found.iter().flatten()
    }

    /// Whether there is one for every key.
    #[must_use]
    pub fn are_all(&self) -> bool {
        self.layout.is_covered() && !self.found.is_empty() && self.found.iter().all(Option::is_some)
    }

    /// How the keys are spread over them.
    #[must_use]
    pub fn layout(&self) -> LayoutNumber {
        LayoutNumber(self.layout.number())
    }

    /// Whether keys are spread over several at all.
    #[must_use]
    pub fn are_many(&self) -> bool {
        self.found.len() > 1
    }

    /// The one that has this key; none if it is away.
    #[must_use]
    pub fn of_key(&self, key: &AnyKey) -> Option<&Primary> {
        self.found.get(self.layout.place_of(key.as_str()))?.as_ref()
    }

    /// Their histories, and that of all together; without those that do not tell.
    #[must_use]
    pub fn histories(&self) -> BTreeSet<History> {
        self.iter().filter_map(|primary| primary.history.clone()).chain(self.history_of_all()).collect()
    }

    /// The history of what was told to every one of them; none while one is away or does not tell.
    #[must_use]
    pub fn history_of_all(&self) -> Option<History> {
        let told = self.found.iter().map(|primary| primary.as_ref()?.history.as_ref());
        History::of_all(&told.collect::<Option<Vec<_>>>().filter(|_| self.are_all())?)
    }

    /// Whether one of them does not tell its history.
    #[must_use]
    pub fn hide_history(&self) -> bool {
        self.iter().any(|primary| primary.history.is_none())
    }
}

impl PartialEq for Primaries {
    /// Whether they are the same servers in the same lives, with the same keys.
    fn eq(&self, other: &Self) -> bool {
        self.layout() == other.layout() && self.found == other.found
    }
}

impl std::fmt::Debug for Primaries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Primaries").field("layout", &self.layout.number()).field("found", &self.found).finish()
    }
}

/// Asks every primary for its history; an error if none of them can be used.
pub(crate) async fn of(shards: &Shards) -> Result<Primaries, L2Error> {
    let layout = shards.layout();
    let histories = invalidate::histories(layout.links(), shards.batch_limit()).await;
    let mut error = None;
    let mut found = Vec::with_capacity(histories.len());
    for (link, history) in layout.links().iter().zip(histories) {
        found.push(match history {
            // An answer over an earlier connection is not taken for this one.
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
