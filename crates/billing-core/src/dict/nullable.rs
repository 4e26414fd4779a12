//! A field that may be `null`, and must be present.
//!
//! Used by the other files of this folder.

use serde::{Deserialize, Deserializer};

/// Reads a field that may be `null` and must be present; serde alone would take a missing one for `null`.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}
