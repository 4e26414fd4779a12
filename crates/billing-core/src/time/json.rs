//! The JSON form of times, in the cache and in request bodies: the text that Python's `isoformat()` writes.
//!
//! Used by serde for the shapes of `dict` and for the request types.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::UtcTime;

struct Text;

impl Visitor<'_> for Text {
    type Value = UtcTime;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time like \"2026-11-22T19:04:00\", in UTC and without a zone")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<UtcTime, E> {
        text.parse().map_err(E::custom)
    }
}

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}
