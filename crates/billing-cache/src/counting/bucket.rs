//! Buckets: the numbers of all processes in one minute or one hour, by the clocks of the processes.
//!
//! In Redis `billing_cache:{numbers}:minute:{minutes since 1970}:{type}` and `billing_cache:{numbers}:hour:{hours since
//! 1970}:{type}`, hashes of fields (`field.rs`) to number; the name ends after the last colon for what belongs to no
//! type. One hash a type, and coarse values, keep each hash so small that Redis holds it in its compact form: a sixth
//! of the memory.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::numbers::Numbers;
use super::resolution::Resolution;
use crate::declaration::key::{KeySpace, NUMBERS};

/// The numbers of all processes in one stretch of time.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// When it begins, by the clocks of the processes that counted.
    pub start: SystemTime,
    /// How long it is.
    pub length: Duration,
    /// What was counted in it; empty if nothing was.
    pub numbers: Numbers,
}

/// Which bucket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) resolution: Resolution,
    /// Buckets since 1970.
    pub(crate) index: u64,
}

impl Slot {
    /// The one that this moment lies in; before 1970, the first.
    pub(crate) fn at(resolution: Resolution, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { resolution, index: since.as_secs() / resolution.length().as_secs() }
    }

    pub(crate) fn key(self, space: &KeySpace, cache_type: &str) -> String {
        format!("{}{NUMBERS}{}:{}:{cache_type}", space.prefix(), self.resolution.as_str(), self.index)
    }

    pub(crate) fn bucket(self, numbers: Numbers) -> Bucket {
        let length = self.resolution.length();
        let start = UNIX_EPOCH + Duration::from_secs(self.index * length.as_secs());
        Bucket { start, length, numbers }
    }
}
