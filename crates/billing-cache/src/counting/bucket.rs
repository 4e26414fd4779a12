//! Buckets: the numbers of all processes in one minute or one hour, by the clocks of the processes.
//!
//! In Redis they are the hashes `billing_cache:{numbers}:minute:{minutes since 1970}:{type}` and
//! `billing_cache:{numbers}:hour:{hours since 1970}:{type}`, from fields (`field.rs`) to numbers. For numbers of no
//! type the name ends after the last colon. One hash per type and coarse values keep each hash so small that Redis
//! stores it in its compact form, in a sixth of the memory.
//!
//! Used by the unsent numbers, the flush, and the reports of stored numbers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::numbers::Numbers;
use super::resolution::Resolution;
use crate::declaration::key::{KeySpace, NUMBERS};

/// The numbers of all processes in one period of time.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// When it begins, by the clocks of the counting processes.
    pub start: SystemTime,
    /// How long it is.
    pub length: Duration,
    /// What was counted in it; empty if nothing was counted.
    pub numbers: Numbers,
}

/// Identifies a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) resolution: Resolution,
    /// Number of this bucket, counted from 1970.
    pub(crate) index: u64,
}

impl Slot {
    /// The bucket that contains this time; for a time before 1970, the first one.
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
