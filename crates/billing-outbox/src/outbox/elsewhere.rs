//! Applied invalidations that the current Redis data may not carry. They were applied to another history, for example
//! before a failover or before a restart with old data, and a relay has to apply them again.
//!
//! Invariant: it only reads, and it decides row by row as a relay does.
//!
//! Used by `cache-admin doctor`.

use std::time::Duration;

use billing_cache::{History, L2Error, Primaries};

use super::relay_error::RelayError;
use super::relay_settings::{RETIRE_PAUSE, RelaySettings};
use super::row::{OutboxRow, Target};
use super::rows::{self, Histories, Needed};
use crate::application::DatabaseCache;

/// By its second look for such rows, a running relay has applied and marked them again.
const LOOKS: u32 = 2;

/// The rows that Redis may not carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// A server does not report its history, so relays apply everything again at each connection.
    Unknown,
    /// This number of rows was applied to another history.
    Rows {
        /// Number of rows.
        rows: u64,
        /// Number of these rows that a running relay would have applied and marked again by now.
        left_behind: u64,
        /// How long ago the oldest was written.
        oldest: Option<Duration>,
    },
}

/// Reads the rows that were applied.
///
/// # Errors
/// Redis does not answer, or the database fails.
pub async fn applied_elsewhere(cache: &DatabaseCache, settings: &RelaySettings) -> Result<Elsewhere, RelayError> {
    let primaries = cache.primaries().await?;
    if !primaries.are_all() {
        return Err(RelayError::Redis(L2Error::Away));
    }
    let histories = Histories::of(&primaries);
    if !histories.are_known() {
        return Ok(Elsewhere::Unknown);
    }
    // In a cluster a row may carry the mark of a shard that no longer has its key.
    let needed = if primaries.are_many() { Needed::Everything } else { Needed::Replay { into: histories.clone() } };
    let (mut lost, mut oldest, mut above) = (0, None, i64::MIN);
    loop {
        let page = rows::page(cache.source().connection(), cache.application(), &needed, above).await?;
        let Some(last) = page.last() else { break };
        above = last.id;
        let applied = page.iter().filter(|row| !row.is_pending && is_needed(cache, &primaries, row));
        for row in applied {
            lost += 1;
            oldest = oldest.max(row.age);
        }
    }
    let after = Duration::from_secs(settings.retention_margin_seconds) + RETIRE_PAUSE * LOOKS;
    let left = Needed::LeftElsewhere { than: histories, after };
    let left_behind = rows::count(cache.source().connection(), cache.application(), &left).await?;
    Ok(Elsewhere::Rows { rows: lost, left_behind, oldest })
}

/// Whether the row is pending, or was applied to another history than the one its key is in now.
pub(super) fn is_needed(cache: &DatabaseCache, primaries: &Primaries, row: &OutboxRow) -> bool {
    let carries = |history: &History| row.redis_history.as_deref() == Some(history.as_str());
    let of_key = match row.target(cache) {
        _ if row.is_pending => return true,
        Target::Key(key) => primaries.of_key(&key).and_then(|primary| primary.history.as_ref()),
        Target::WholeType(_) | Target::Unreadable(_) | Target::Nothing | Target::UnknownType => None,
    };
    !of_key.is_some_and(carries) && !primaries.history_of_all().as_ref().is_some_and(carries)
}
