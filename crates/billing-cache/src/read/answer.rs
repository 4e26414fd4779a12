//! The result of a read: a value with the tier that had it, or why the source could not give it.

use std::sync::Arc;

use crate::counting::event::{Distribution, Event};
use crate::declaration::cached_type::{CachedType, LoadedOne, Source};

/// The tier that an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// A whole word: next to a byte, the rest of an answer would be copied in pieces, which delays each hit.
#[repr(usize)]
#[non_exhaustive]
pub enum Tier {
    /// The memory of the process.
    L1,
    /// Redis.
    L2,
    /// The database, through the cache.
    Loaded,
    /// The database, directly, because Redis could not be used.
    Bypassed,
}

impl Tier {
    /// All tiers, the fastest first.
    pub const ALL: [Self; 4] = [Self::L1, Self::L2, Self::Loaded, Self::Bypassed];

    /// Whether the answer was found in the cache, without a load.
    #[must_use]
    pub fn is_hit(self) -> bool {
        match self {
            Self::L1 | Self::L2 => true,
            Self::Loaded | Self::Bypassed => false,
        }
    }

    /// The name in headers, metrics and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::L1 => "l1",
            Self::L2 => "l2",
            Self::Loaded => "loaded",
            Self::Bypassed => "bypassed",
        }
    }
}

/// A value and the tier that it came from. `None` means that there is no such row.
#[derive(Debug)]
pub struct Cached<V> {
    /// The value, shared with all callers that asked for it.
    pub value: Option<Arc<V>>,
    /// The tier that it came from.
    pub tier: Tier,
}

impl<V> Clone for Cached<V> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), tier: self.tier }
    }
}

impl<V> Cached<V> {
    pub(crate) fn new(value: Option<V>, tier: Tier) -> Self {
        Self { value: value.map(Arc::new), tier }
    }
}

/// The source could not give the value. Redis is never the reason.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError<E: std::error::Error + 'static> {
    /// The loader failed. All waiters of this load share the error.
    #[error("load {cache_type}: {error}")]
    Load {
        /// The name of the cached type.
        cache_type: &'static str,
        /// The error of the loader.
        #[source]
        error: Arc<E>,
    },
    /// The load exceeded its deadline.
    #[error("load {cache_type}: no answer within {limit_ms} ms (cache.load_deadline_ms)")]
    Deadline {
        /// The name of the cached type.
        cache_type: &'static str,
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// Too many loads of the type were running, and none ended in time.
    #[error("load {cache_type}: {limit} loads go on already (cache.max_loads)")]
    Overloaded {
        /// The name of the cached type.
        cache_type: &'static str,
        /// The limit of concurrent loads.
        limit: usize,
    },
    /// The loader panicked. The panic itself has reported where and why on stderr.
    #[error("load {cache_type}: the loader panicked")]
    Panicked {
        /// The name of the cached type.
        cache_type: &'static str,
    },
}

impl<E: std::error::Error> Clone for ReadError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Load { cache_type, error } => Self::Load { cache_type, error: Arc::clone(error) },
            Self::Deadline { cache_type, limit_ms } => Self::Deadline { cache_type, limit_ms: *limit_ms },
            Self::Overloaded { cache_type, limit } => Self::Overloaded { cache_type, limit: *limit },
            Self::Panicked { cache_type } => Self::Panicked { cache_type },
        }
    }
}

/// The result of a read of `T`.
pub type Answer<T> = Result<Cached<<T as CachedType>::Value>, ReadError<<<T as CachedType>::Source as Source>::Error>>;

/// The result of a load, by key.
pub(crate) type LoadedBatch<T> = std::collections::HashMap<<T as CachedType>::Key, LoadedOne<T>>;

/// The event that is counted for a read answered by this tier.
pub(crate) fn event_of(tier: Tier) -> Event {
    match tier {
        Tier::L1 => Event::HitL1,
        Tier::L2 => Event::HitL2,
        Tier::Loaded => Event::Miss,
        Tier::Bypassed => Event::Bypass,
    }
}

/// The distribution in which the time of a read answered by this tier is recorded.
pub(crate) fn time_of(tier: Tier) -> Distribution {
    match tier {
        Tier::L1 => Distribution::HitL1Time,
        Tier::L2 => Distribution::HitL2Time,
        Tier::Loaded => Distribution::MissTime,
        Tier::Bypassed => Distribution::BypassTime,
    }
}
