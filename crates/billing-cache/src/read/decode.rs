//! What a read makes of the JSON that stands under a key, whoever stored it: a value, or a reason to take it for a
//! miss.
//!
//! Invariant: what is answered is of the type's shape, belongs to the key as far as it tells, and has not come to its
//! end.

use std::time::{SystemTime, UNIX_EPOCH};

use tracing::debug;

use crate::clock::Moment;
use crate::declaration::cached_type::{Absence, CachedType, Owner};

/// See the module.
pub(crate) enum Reading<V> {
    /// The value, or the knowledge that there is none.
    Value(Option<V>),
    /// Nothing that can stand under this key: of another shape, or another key's.
    Undecodable,
    /// It was right until a moment that has passed.
    Ended,
}

/// Why something is no value of its key.
enum Fault {
    Json(serde_json::Error),
    NeverAbsent,
    OfAnotherKey,
}

/// Reads the JSON under this key, whose text is only for the log.
pub(crate) fn reading<T: CachedType>(key: &T::Key, text: &str, json: &[u8]) -> Reading<T::Value> {
    match checked::<T>(key, json) {
        Ok(Some(value)) if has_ended::<T>(&value) => Reading::Ended,
        Ok(value) => Reading::Value(value),
        Err(fault) => {
            log::<T>(text, &fault);
            Reading::Undecodable
        }
    }
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

/// So long from `asked` the value may be served from memory, where it tells.
pub(crate) fn left_ms<T: CachedType>(value: &T::Value, asked: Moment) -> Option<u64> {
    let end = T::valid_until(value)?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(u64::try_from(end.as_millis()).unwrap_or(u64::MAX).saturating_sub(asked.wall_ms))
}

#[cold]
fn log<T: CachedType>(text: &str, fault: &Fault) {
    let cache_type = T::NAME;
    match fault {
        // Not the error itself: it quotes the value.
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
