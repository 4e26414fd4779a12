//! Time: the clock of L1, a few nanoseconds a look, and durations as numbers.
//!
//! A monotonic clock stands still while the machine is suspended, the wall clock may be set back; a moment is both, and
//! counts as past as soon as either says so. Coarse clocks tick every few milliseconds, which is the resolution of L1.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The coarsest tick there is (a kernel of 100 Hz): a look may be late by this much.
const TICK_MS: u64 = 10;

/// A moment on both clocks, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) monotonic_ms: u64,
    pub(crate) wall_ms: u64,
}

impl Moment {
    /// Now.
    #[cfg(target_os = "linux")]
    #[inline]
    pub(crate) fn now() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        let millis = |clock| {
            let time = clock_gettime(clock);
            // The kernel lets neither clock stand before its beginning.
            time.tv_sec.cast_unsigned() * 1_000 + time.tv_nsec.cast_unsigned() / 1_000_000
        };
        Self { monotonic_ms: millis(ClockId::MonotonicCoarse), wall_ms: millis(ClockId::RealtimeCoarse) }
    }

    /// Now.
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

    /// The one that ends first, on each clock.
    pub(crate) fn earlier(self, other: Self) -> Self {
        Self { monotonic_ms: self.monotonic_ms.min(other.monotonic_ms), wall_ms: self.wall_ms.min(other.wall_ms) }
    }

    /// So long after this moment that a look at the clock, which may be a tick late, never finds it still to come when
    /// it is past already.
    pub(crate) fn at_most_after_ms(self, millis: u64) -> Self {
        let millis = millis.saturating_sub(TICK_MS);
        Self { monotonic_ms: self.monotonic_ms.saturating_add(millis), wall_ms: self.wall_ms.saturating_add(millis) }
    }
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds since this moment.
pub(crate) fn micros(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Nanoseconds since this moment.
pub(crate) fn nanos(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970, as Redis holds moments.
pub(crate) fn millis_since_1970(time: SystemTime) -> u64 {
    millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The last millisecond of the year 9999: calendars end not long after.
const LATEST_MILLIS: u64 = 253_402_300_799_999;

/// `None` for what no clock shows.
pub(crate) fn time_of_millis(millis: u64) -> Option<SystemTime> {
    let shown = Some(millis).filter(|millis| *millis <= LATEST_MILLIS)?;
    UNIX_EPOCH.checked_add(Duration::from_millis(shown))
}
