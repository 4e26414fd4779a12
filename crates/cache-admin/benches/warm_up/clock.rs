//! Compressed time: a simulated minute lasts a fifth of a second, and everything that lasts is shortened alike.
//!
//! What cannot be compressed is the speed of the machine: a load takes as long as it takes, and while a warm-up runs
//! the trace stands still.

use std::time::Duration;

/// Simulated seconds in a real one. The shortest TTL, 300 s, becomes 1 s, the shortest there is.
pub(crate) const COMPRESSION: u32 = 300;

/// A span of simulated time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Minutes(pub(crate) u32);

impl Minutes {
    /// How long it takes.
    pub(crate) fn real(self) -> Duration {
        real(Duration::from_secs(60) * self.0)
    }
}

/// How long a simulated span takes.
pub(crate) fn real(simulated: Duration) -> Duration {
    simulated / COMPRESSION
}

pub(crate) fn describe() -> String {
    format!("time is compressed {COMPRESSION} times: TTLs, the half-life of reads, and the pause between flushes alike")
}
