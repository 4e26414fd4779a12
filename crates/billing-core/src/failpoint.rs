//! Named points at which a process can be made to die, for tests of what a crash leaves behind.
//!
//! Compiled in only with the feature `failpoints`, which nothing but the tests turns on. The variable BILLING_FAILPOINT
//! names the point at which this process aborts.

/// Dies here if BILLING_FAILPOINT says so.
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
