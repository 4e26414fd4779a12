//! The last check of the triggers of a running service: when it was, and what it found.
//!
//! Used by the check (`outbox/trigger_check.rs`).

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use sea_orm::DbBackend;
use tracing::warn;

use super::installed::TriggerDifference;

/// Pause between two checks of PostgreSQL while no type is read past the cache.
const PAUSE: Duration = Duration::from_secs(60);

/// The result of the last check, shared by all clones of a cache.
#[derive(Debug, Default)]
pub(crate) struct LastLook {
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// When the last check was, and at which schema version of SQLite.
    looked: Option<(Instant, i64)>,
    differences: Vec<TriggerDifference>,
}

impl LastLook {
    /// Whether a check is due; `schema` is the schema version of SQLite.
    pub(crate) fn is_due(&self, backend: DbBackend, schema: i64) -> bool {
        match self.lock().looked {
            None => true,
            Some((_, seen)) if backend == DbBackend::Sqlite => seen != schema,
            Some((at, _)) => at.elapsed() >= PAUSE,
        }
    }

    /// Notes the result of a check, and logs differences that are new.
    pub(crate) fn note(&self, schema: i64, differences: Vec<TriggerDifference>) {
        let mut last = self.lock();
        if last.differences != differences && !differences.is_empty() {
            let names: Vec<&str> = differences.iter().map(|difference| difference.name.as_str()).collect();
            warn!(triggers = names.join(", "), "triggers are not those of this version; see `cache-admin doctor`");
        }
        *last = Last { looked: Some((Instant::now(), schema)), differences };
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.last.lock().expect("no panic while the last look is noted")
    }
}
