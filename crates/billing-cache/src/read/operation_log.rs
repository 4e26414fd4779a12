//! Reports operations when they end: a log line at DEBUG, and the outcome on their span at TRACE.
//!
//! Invariants: a key is a text field, which subscribers escape, so that no key can break a line. No value is ever
//! logged, and no error that may quote one. `docs/operations.md` lists the fields.
//!
//! Used by loads, fills and reads of many.

use std::time::Instant;

use tracing::{Span, debug};

use super::answer::{Answer, ReadError, Tier};
use crate::clock::micros;
use crate::counting::event::Event;
use crate::declaration::cached_type::{CachedType, Source};
use crate::protocol::fill::{Fill, Filled};

/// The database answered for `keys` keys.
pub(crate) fn loaded<T: CachedType>(span: &Span, keys: usize, started: Instant) {
    span.record("outcome", "loaded");
    debug!(cache_type = T::NAME, keys, outcome = "loaded", elapsed_us = micros(started), "load");
}

/// The database did not answer.
pub(crate) fn load_failed<T: CachedType>(
    span: &Span,
    error: &ReadError<<T::Source as Source>::Error>,
    started: Instant,
) {
    let outcome = Event::LoadFailed.as_str();
    span.record("outcome", outcome);
    debug!(cache_type = T::NAME, outcome, %error, elapsed_us = micros(started), "load");
}

/// A value was stored, or the fill was lost, or Redis did not answer.
pub(crate) fn filled<T: CachedType>(span: &Span, fill: &Fill, filled: Option<&Filled>, started: Instant) {
    let outcome = match filled {
        Some(Filled::Stored) => Event::FillStored,
        Some(Filled::Lost | Filled::Elsewhere) => Event::FillLost,
        None => Event::RedisError,
    };
    span.record("outcome", outcome.as_str());
    debug!(
        cache_type = T::NAME,
        key = fill.key,
        outcome = outcome.as_str(),
        ttl_ms = crate::clock::millis(fill.ttl),
        elapsed_us = micros(started),
        "fill"
    );
}

/// A read of many: one line for each key that did not come from L1, because L1 hits log their own lines, and one line
/// for the whole.
pub(crate) fn got_many<T: CachedType>(answers: &[Answer<T>], started: Instant, key_of_place: impl Fn(usize) -> String) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let elapsed_us = micros(started);
    let read = answers.iter().enumerate().filter_map(|(place, answer)| Some((place, answer.as_ref().ok()?)));
    for (place, answer) in read.filter(|(_, answer)| answer.tier != Tier::L1) {
        debug!(
            cache_type = T::NAME,
            key = key_of_place(place),
            tier = answer.tier.as_str(),
            elapsed_us,
            "get one of many"
        );
    }
    debug!(cache_type = T::NAME, keys = answers.len(), elapsed_us, "get many");
}
