//! What looks at Redis and the database in the background: once for all viewers, however many there are.
//!
//! [`live`] composes the snapshot from what it reads itself and from what the others leave on the [`Board`];
//! [`history`] reads when it is asked. Invariants: nothing here ends because a server is away, and each goes on by
//! itself when it is back; nothing here changes what is cached.

mod audience;
mod audit;
mod board;
mod database;
mod history;
mod hot_keys;
mod kept;
mod live;
mod status;
mod surroundings;
mod survey;

use std::time::{Duration, SystemTime};

use billing_cache::L1Policy;
use billing_core::cached::CACHED_TYPES;
use billing_core::settings::Settings;
use chrono::{DateTime, SecondsFormat, Utc};

pub(crate) use audience::{Audience, Seat};
pub(crate) use audit::Auditor;
pub(crate) use board::Board;
pub(crate) use database::DatabaseWatch;
pub(crate) use history::Histories;
pub(crate) use live::{Live, Published};
pub(crate) use survey::Surveyor;

/// After a failure a round is tried again so soon, if it would not come sooner.
const RETRY: Duration = Duration::from_secs(30);

/// What does not change of a cached type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeFacts {
    pub(crate) name: &'static str,
    pub(crate) ttl: Duration,
    /// Whether services hold values in their memory.
    pub(crate) l1: bool,
}

impl TypeFacts {
    /// Those of all types, as services with these settings have them.
    pub(crate) fn of(settings: &Settings) -> Vec<Self> {
        let of_type = |info: billing_cache::TypeInfo| {
            let set = settings.cache.types.get(info.name).cloned().unwrap_or_default();
            let ttl = set.ttl_seconds.map_or(info.ttl, Duration::from_secs);
            Self { name: info.name, ttl, l1: set.l1.unwrap_or(info.l1 == L1Policy::On) }
        };
        CACHED_TYPES.iter().map(|cached| of_type(cached.info())).collect()
    }
}

fn text_of(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}
