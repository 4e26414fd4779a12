//! The lengths of buckets, and how long buckets are kept.
//!
//! Used by buckets and everything that is stored with them.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// The retention of the buckets that are kept longest.
pub(crate) const LONGEST_KEPT: Duration = Resolution::Hour.kept();

/// The length of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resolution {
    /// A minute; kept for 25 hours. Values are off by up to 6 %.
    Minute,
    /// An hour; kept for 31 days. Values are off by up to 12 %.
    Hour,
}

impl Resolution {
    /// Both resolutions.
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

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// Largest number of buckets that exist at a time.
    pub(crate) const fn most(self) -> u64 {
        self.kept().as_secs() / self.length().as_secs()
    }
}
