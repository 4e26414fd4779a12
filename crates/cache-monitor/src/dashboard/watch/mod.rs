//! The background tasks that watch Redis and the database, once for all viewers.
//!
//! [`live`] builds the snapshot from what it reads itself and from the results of the other tasks on the [`Board`];
//! [`history`] reads on request. Invariants: no task ends because a server is unreachable, and each continues by itself
//! when the server is back; no task changes cached values.

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

/// After a failure a round is repeated after this time, or after its normal pause if that is shorter.
const RETRY: Duration = Duration::from_secs(30);

/// The constant facts of a cached type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeFacts {
    pub(crate) name: &'static str,
    pub(crate) ttl: Duration,
    /// Whether services keep values in L1.
    pub(crate) l1: bool,
}

impl TypeFacts {
    /// The facts of all types, for services with these settings.
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
