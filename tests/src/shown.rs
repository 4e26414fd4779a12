//! The output of `cache-admin stats --format json`.

use serde_json::Value;

/// The numbers of keys in Redis.
#[derive(Clone, Debug)]
pub struct Stats(Value);

impl Stats {
    pub(crate) fn new(report: Value) -> Self {
        Self(report)
    }

    /// The number of cached values of this type.
    #[track_caller]
    #[must_use]
    pub fn keys(&self, cache_type: &str) -> u64 {
        self.of_type(cache_type, "keys")
    }

    /// A number of one type, such as `hits`.
    #[track_caller]
    #[must_use]
    pub fn of_type(&self, cache_type: &str, number: &str) -> u64 {
        let types = self.0["types"].as_array().expect("a list of types");
        let found = types.iter().find(|row| row["name"] == cache_type);
        found.and_then(|row| row[number].as_u64()).unwrap_or_else(|| panic!("no {number} of {cache_type}: {self:?}"))
    }

    /// A number that belongs to no type: `leases`, `bookkeeping`, `foreign`.
    #[track_caller]
    #[must_use]
    pub fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The number of cached values by type.
    #[must_use]
    pub fn all_keys(&self) -> Vec<(String, u64)> {
        let types = self.0["types"].as_array().expect("a list of types");
        types
            .iter()
            .map(|row| (row["name"].as_str().unwrap_or_default().to_owned(), row["keys"].as_u64().unwrap_or(0)))
            .collect()
    }
}
