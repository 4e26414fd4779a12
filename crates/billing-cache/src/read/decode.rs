//! Decodes the JSON under a key, whichever program stored it: the result is a value, or a reason to treat it as a miss.
//! Bytes that were decoded before are not decoded again.
//!
//! Invariant: an accepted value has the shape of its type, belongs to the key as far as it tells, and has not ended.
//! Whether it has ended is asked each time.
//!
//! Used by every read of Redis on the read path.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::debug;

use crate::clock::Moment;
use crate::declaration::cached_type::{Absence, CachedType, Owner};
use crate::memory::decoded::Decoded;

/// The result of decoding; see the module.
pub(crate) enum Reading<V> {
    /// The value, or the absence of one.
    Value(Option<Arc<V>>),
    /// No value of this key: it has another shape, or belongs to another key.
    Undecodable,
    /// A value that was valid until a moment that has passed.
    Ended,
}

/// Why the JSON is no value of its key.
enum Fault {
    Json(serde_json::Error),
    NeverAbsent,
    OfAnotherKey,
}

/// Decodes the JSON under this key, of which `text` is the text, unless the same bytes are among what was decoded.
pub(crate) fn reading<T: CachedType>(decoded: &Decoded, key: &T::Key, text: &str, json: &[u8]) -> Reading<T::Value> {
    if let Some(value) = decoded.get(text, json) {
        return unless_ended::<T>(value);
    }
    match checked::<T>(key, json) {
        Ok(None) => Reading::Value(None),
        Ok(Some(value)) => unless_ended::<T>(decoded.keep(text, json, value)),
        Err(fault) => {
            log::<T>(text, &fault);
            Reading::Undecodable
        }
    }
}

fn unless_ended<T: CachedType>(value: Arc<T::Value>) -> Reading<T::Value> {
    if has_ended::<T>(&value) { Reading::Ended } else { Reading::Value(Some(value)) }
}

fn checked<T: CachedType>(key: &T::Key, json: &[u8]) -> Result<Option<T::Value>, Fault> {
    let value: Option<T::Value> = serde_json::from_slice(json).map_err(Fault::Json)?;
    match &value {
        None if T::ABSENCE == Absence::Impossible => Err(Fault::NeverAbsent),
        Some(value) if T::owner(value, key) == Owner::AnotherKey => Err(Fault::OfAnotherKey),
        _ => Ok(value),
    }
}

fn has_ended<T: CachedType>(value: &T::Value) -> bool {
    T::valid_until(value).is_some_and(|end| end <= SystemTime::now())
}

/// Milliseconds from `asked` for which the value may be served from memory, if the value tells when it ends.
pub(crate) fn left_ms<T: CachedType>(value: &T::Value, asked: Moment) -> Option<u64> {
    let end = T::valid_until(value)?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(u64::try_from(end.as_millis()).unwrap_or(u64::MAX).saturating_sub(asked.wall_ms))
}

#[cold]
fn log<T: CachedType>(text: &str, fault: &Fault) {
    let cache_type = T::NAME;
    match fault {
        // The error itself is not logged, because it quotes the value.
        Fault::Json(error) => {
            let (reason, line, column) = (error.classify(), error.line(), error.column());
            debug!(
                cache_type,
                key = text,
                ?reason,
                line,
                column,
                "a cached value does not decode, it will be replaced"
            );
        }
        Fault::NeverAbsent => debug!(cache_type, key = text, "null is no value of this type, it will be replaced"),
        Fault::OfAnotherKey => debug!(cache_type, key = text, "a cached value is another key's, it will be replaced"),
    }
}
