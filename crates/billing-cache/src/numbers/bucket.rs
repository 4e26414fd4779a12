//! Buckets: the numbers of all processes in one minute or one hour, by the clocks of the processes.
//!
//! In Redis `billing_cache:{numbers}:minute:{minutes since 1970}:{type}` and `billing_cache:{numbers}:hour:{hours since 1970}:{type}`, hashes of
//! [`Field`](super::field::Field) to number; the name ends after the last colon for what belongs to no type. One hash a type, and
//! coarse values, keep each hash so small that Redis holds it in its compact form: a sixth of the memory.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Numbers;
use crate::key::KeySpace;
use crate::key::NUMBERS;

const HOUR: Duration = Duration::from_secs(3600);
/// As long as the bucket that is kept longest.
pub(crate) const LONGEST_KEPT: Duration = Resolution::Hour.kept();

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// A minute; kept for 25 hours. Values are off by up to 6 %.
    Minute,
    /// An hour; kept for 31 days. Values are off by up to 12 %.
    Hour,
}

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
pub(super) struct Slot {
    pub(super) resolution: Resolution,
    /// Buckets since 1970.
    pub(super) index: u64,
}

impl Resolution {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Minute, Self::Hour];

    /// How long a bucket is.
    #[must_use]
    pub const fn length(self) -> Duration {
        match self {
            Self::Minute => Duration::from_secs(60),
            Self::Hour => HOUR,
        }
    }

    /// How long a bucket is kept after something was last added to it.
    #[must_use]
    pub const fn kept(self) -> Duration {
        match self {
            Self::Minute => HOUR.saturating_mul(25),
            Self::Hour => HOUR.saturating_mul(24 * 31),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// How many buckets there are at most.
    pub(super) const fn most(self) -> u64 {
        self.kept().as_secs() / self.length().as_secs()
    }
}

impl Slot {
    /// The one that this moment lies in; before 1970, the first.
    pub(super) fn at(resolution: Resolution, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { resolution, index: since.as_secs() / resolution.length().as_secs() }
    }

    pub(super) fn key(self, space: &KeySpace, cache_type: &str) -> String {
        format!("{}{NUMBERS}{}:{}:{cache_type}", space.prefix(), self.resolution.as_str(), self.index)
    }

    pub(super) fn bucket(self, numbers: Numbers) -> Bucket {
        let length = self.resolution.length();
        let start = UNIX_EPOCH + Duration::from_secs(self.index * length.as_secs());
        Bucket { start, length, numbers }
    }
}
