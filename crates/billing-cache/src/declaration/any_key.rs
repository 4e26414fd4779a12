//! The key of any cached type, without its Rust type. Writers, scans and tools name keys with it.
//!
//! Used by invalidation, inspection, scans and the outbox.

use std::fmt;

/// The key of any cached type. A writer names what it changed with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyKey {
    cache_type: &'static str,
    text: String,
}

impl AnyKey {
    /// A key with this text. The caller has checked that it is a key of the type.
    pub(crate) fn new(cache_type: &'static str, text: String) -> Self {
        Self { cache_type, text }
    }

    /// The text of the key in Redis.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name of the cached type.
    #[must_use]
    pub fn cache_type(&self) -> &'static str {
        self.cache_type
    }
}

impl fmt::Display for AnyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
