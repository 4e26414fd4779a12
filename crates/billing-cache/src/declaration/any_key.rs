//! The key of whatever cached type, without its Rust type: how writers, walks and tools name what they mean.

use std::fmt;

/// The key of any cached type, as a writer names what it changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnyKey {
    cache_type: &'static str,
    text: String,
}

impl AnyKey {
    /// The key that stands under `text`, which its type has been asked about.
    pub(crate) fn new(cache_type: &'static str, text: String) -> Self {
        Self { cache_type, text }
    }

    /// The text under which the value stands in Redis.
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
