//! The result of a loader for one key: a value or its absence, and until when it is right.
//!
//! Loaders return it, and the read path stores it.

use std::time::Instant;

/// A value as its loader read it.
#[derive(Clone, Debug)]
pub struct Loaded<V> {
    /// The value; `None` if there is no such row, which is cached too.
    pub value: Option<V>,
    /// The moment at which the value changes by itself, without any write. It is not stored beyond that moment.
    ///
    /// On the monotonic clock of this process, which cannot be set: the time left by the clock of the source, counted
    /// from a moment before the source was asked.
    pub valid_until: Option<Instant>,
}

impl<V> Loaded<V> {
    /// A value that only a write can change.
    pub fn lasting(value: V) -> Self {
        Self { value: Some(value), valid_until: None }
    }

    /// The absence of a row.
    #[must_use]
    pub fn absent() -> Self {
        Self { value: None, valid_until: None }
    }
}
