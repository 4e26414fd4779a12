//! What the tasks share: the facts of the cached types, and how times are written.

use std::time::{Duration, SystemTime};

use billing_cache::L1Policy;
use billing_core::cached::CACHED_TYPES;
use billing_core::settings::Settings;
use chrono::{DateTime, SecondsFormat, Utc};

/// After a failure a round is repeated after this time, or after its normal pause if that is shorter.
pub(super) const RETRY: Duration = Duration::from_secs(30);

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

pub(super) fn text_of(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Secs, true)
}
