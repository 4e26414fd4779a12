//! Time: the clock of L1, which costs a few nanoseconds to read, and durations as numbers.
//!
//! A monotonic clock stops while the machine is suspended, and the wall clock may be set back. So a [`Moment`] holds
//! both clocks and counts as past as soon as either clock says so. Coarse clocks tick every few milliseconds, which is
//! the resolution of L1.
//!
//! Used by L1 and the tracking connections for moments, and everywhere for durations.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The longest tick of a coarse clock (a kernel of 100 Hz): the time read may be old by this much.
const TICK_MS: u64 = 10;

/// A moment on both clocks, in milliseconds. Moments are ordered by the monotonic clock, which cannot be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) monotonic_ms: u64,
    pub(crate) wall_ms: u64,
}

impl Moment {
    /// The current time.
    #[cfg(target_os = "linux")]
    #[inline]
    pub(crate) fn now() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        let millis = |clock| {
            let time = clock_gettime(clock);
            // The kernel allows neither clock a time before its epoch, so the values are not negative.
            time.tv_sec.cast_unsigned() * 1_000 + time.tv_nsec.cast_unsigned() / 1_000_000
        };
        Self { monotonic_ms: millis(ClockId::MonotonicCoarse), wall_ms: millis(ClockId::RealtimeCoarse) }
    }

    /// The current time.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn now() -> Self {
        use std::sync::LazyLock;
        static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { monotonic_ms: millis(STARTED.elapsed()), wall_ms: millis(wall) }
    }

    /// Whether this moment is earlier on both clocks.
    #[inline]
    pub(crate) fn is_before(self, other: Self) -> bool {
        self.monotonic_ms < other.monotonic_ms && self.wall_ms < other.wall_ms
    }

    /// The earlier time, for each clock separately.
    pub(crate) fn earlier(self, other: Self) -> Self {
        Self { monotonic_ms: self.monotonic_ms.min(other.monotonic_ms), wall_ms: self.wall_ms.min(other.wall_ms) }
    }

    /// The moment `millis` after this one, less one tick. The clock that is read later may be a tick behind; it must
    /// never show a moment as still to come that is already past.
    pub(crate) fn at_most_after_ms(self, millis: u64) -> Self {
        let millis = millis.saturating_sub(TICK_MS);
        Self { monotonic_ms: self.monotonic_ms.saturating_add(millis), wall_ms: self.wall_ms.saturating_add(millis) }
    }
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds since `started`.
pub(crate) fn micros(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Nanoseconds since `started`.
pub(crate) fn nanos(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970, the unit of times in Redis.
pub(crate) fn millis_since_1970(time: SystemTime) -> u64 {
    millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The last millisecond of the year 9999. Calendar libraries end not long after it.
const LATEST_MILLIS: u64 = 253_402_300_799_999;

/// The time that many milliseconds after 1970; `None` if it is after the year 9999.
pub(crate) fn time_of_millis(millis: u64) -> Option<SystemTime> {
    let shown = Some(millis).filter(|millis| *millis <= LATEST_MILLIS)?;
    UNIX_EPOCH.checked_add(Duration::from_millis(shown))
}
