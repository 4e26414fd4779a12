//! Named points at which a process can be made to abort, for tests of what a crash leaves behind.
//!
//! Compiled in only with the feature `failpoints`, which only the tests turn on. The variable BILLING_FAILPOINT names
//! the point at which this process aborts.
//!
//! Used by the write transaction and the relay.

/// Aborts here if BILLING_FAILPOINT names this point.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(point: &str) {
    if std::env::var("BILLING_FAILPOINT").is_ok_and(|named| named == point) {
        std::process::abort();
    }
}

/// Does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn hit(_: &str) {}
