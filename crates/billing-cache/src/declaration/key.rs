//! The text of Redis keys: the only place where it is built, and the only place where it is parsed.
//!
//! Invariant: `render` and `parse` are exact inverses. So a key that parses is a key of this cache, and no other text
//! parses. Every module that names a key in Redis gets its text from here.

use std::fmt::{Debug, Display, Write};
use std::hash::Hash;

/// What identifies a value within its cached type, such as an invoice id.
///
/// Parts are joined by `:` and must not contain `:`, `{`, `}` or glob characters. [`from_parts`](Self::from_parts)
/// refuses everything that [`write_parts`](Self::write_parts) would not have written.
pub trait CacheKey: Clone + Eq + Hash + Debug + Send + Sync + Sized + 'static {
    /// Names of the parts in order, for documentation: `["country", "region"]`. Empty for a type with a single key.
    const PARTS: &'static [&'static str];

    /// Writes one part for each name of [`PARTS`](Self::PARTS).
    fn write_parts(&self, out: &mut KeyWriter<'_>);

    /// Reads the parts back; `None` if they are not the parts of a key of this type.
    fn from_parts(parts: &[&str]) -> Option<Self>;
}

/// Appends key parts to a key text.
#[derive(Debug)]
pub struct KeyWriter<'a>(&'a mut String);

impl KeyWriter<'_> {
    /// Appends `:` and the part.
    pub fn part(&mut self, part: impl Display) {
        write!(self.0, ":{part}").expect("writing to a string cannot fail");
    }
}

/// The key of a type that has only one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SingleKey;

impl CacheKey for SingleKey {
    const PARTS: &'static [&'static str] = &[];

    fn write_parts(&self, _: &mut KeyWriter<'_>) {}

    fn from_parts(parts: &[&str]) -> Option<Self> {
        parts.is_empty().then_some(Self)
    }
}

/// A prefix that separates a key space from others in a shared database; empty in production.
///
/// `cache-monitor` measures in a separate space, so that it touches no production key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySpace(String);

impl KeySpace {
    /// A key space whose keys all begin with `prefix`, which is used unchanged.
    ///
    /// # Panics
    /// If the prefix holds a brace: leases are named `lease:{key}`, and a brace would put a key and its lease into
    /// different slots of a Redis Cluster.
    #[must_use]
    pub fn with_prefix(prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        assert!(!prefix.contains(['{', '}']), "a key space prefix holds no braces");
        Self(prefix)
    }

    /// The prefix of every key in this space.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// The text of a key in this space: prefix, type prefix, parts.
    pub(crate) fn render<K: CacheKey>(&self, type_prefix: &str, key: &K) -> String {
        let mut text = String::with_capacity(self.0.len() + type_prefix.len() + 24);
        text.push_str(&self.0);
        text.push_str(type_prefix);
        key.write_parts(&mut KeyWriter(&mut text));
        text
    }

    /// The text without this space's prefix; `None` if it belongs to another space.
    pub(crate) fn strip<'a>(&self, text: &'a str) -> Option<&'a str> {
        text.strip_prefix(self.0.as_str())
    }
}

/// Parses `{type_prefix}:{part}:…`; `None` if `render` would not have produced exactly this text.
pub(crate) fn parse<K: CacheKey>(type_prefix: &str, text: &str) -> Option<K> {
    let rest = text.strip_prefix(type_prefix)?;
    let parts: Vec<&str> = match rest.strip_prefix(':') {
        Some(parts) => parts.split(':').collect(),
        None if rest.is_empty() => Vec::new(),
        None => return None,
    };
    if parts.len() != K::PARTS.len() {
        return None;
    }
    let key = K::from_parts(&parts)?;
    (KeySpace::default().render(type_prefix, &key) == text).then_some(key)
}

/// The prefix of the bookkeeping keys of this cache. A key that begins with it is no cached value.
pub(crate) const BOOKKEEPING: &str = "billing_cache:";

/// The prefix of all stored counters. In a Redis Cluster the part in braces puts them all on one shard, so that one
/// pipeline suffices.
pub(crate) const NUMBERS: &str = "billing_cache:{numbers}:";

/// The name of the lease of a key. The braces put both into one slot of a Redis Cluster.
pub(crate) fn lease_of(key: &str) -> String {
    format!("lease:{{{key}}}")
}

/// The key to which the lease of this name belongs.
pub(crate) fn key_of_lease(lease: &str) -> Option<&str> {
    lease.strip_prefix("lease:{")?.strip_suffix('}')
}

/// Escapes the characters that `SCAN MATCH` treats as a pattern.
pub(crate) fn escape_glob(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Id(i32);

    impl CacheKey for Id {
        const PARTS: &'static [&'static str] = &["id"];

        fn write_parts(&self, out: &mut KeyWriter<'_>) {
            out.part(self.0);
        }

        fn from_parts(parts: &[&str]) -> Option<Self> {
            parts[0].parse().ok().map(Self)
        }
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let space = KeySpace::with_prefix("m:");
        assert_eq!(space.render("invoice", &Id(42)), "m:invoice:42");
        assert_eq!(space.strip("m:invoice:42").and_then(|text| parse("invoice", text)), Some(Id(42)));
        assert_eq!(KeySpace::default().render("active_discounts", &SingleKey), "active_discounts");
        assert_eq!(parse("active_discounts", "active_discounts"), Some(SingleKey));
    }

    #[test]
    fn what_would_not_have_been_written_is_not_ours() {
        for foreign in
            ["invoice", "invoice:", "invoice:042", "invoice:+1", "invoice:1:2", "invoices:1", "xinvoice:1", "invoice:x"]
        {
            assert_eq!(parse::<Id>("invoice", foreign), None, "{foreign}");
        }
        for foreign in ["active_discounts:", "active_discounts:1", "active_discountsx"] {
            assert_eq!(parse::<SingleKey>("active_discounts", foreign), None, "{foreign}");
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Place(String, String);

    impl CacheKey for Place {
        const PARTS: &'static [&'static str] = &["country", "region"];

        fn write_parts(&self, out: &mut KeyWriter<'_>) {
            out.part(&self.0);
            out.part(&self.1);
        }

        fn from_parts(parts: &[&str]) -> Option<Self> {
            Some(Self(parts[0].into(), parts[1].into()))
        }
    }

    proptest! {
        #[test]
        fn any_key_is_read_as_it_was_written(
            id in any::<i32>(),
            country in "[^:{}*?\\[\\]]{0,8}",
            region in "[^:{}*?\\[\\]]{0,8}",
            prefix in "[^{}]{0,6}",
        ) {
            let space = KeySpace::with_prefix(prefix);
            let text = space.render("invoice", &Id(id));
            prop_assert_eq!(space.strip(&text).and_then(|text| parse("invoice", text)), Some(Id(id)));
            prop_assert_eq!(key_of_lease(&lease_of(&text)).map(str::to_owned), Some(text));
            let place = Place(country, region);
            let text = space.render("tax_rate", &place);
            prop_assert_eq!(space.strip(&text).and_then(|text| parse("tax_rate", text)), Some(place));
            prop_assert_eq!(key_of_lease(&lease_of(&text)).map(str::to_owned), Some(text));
        }

        #[test]
        fn what_is_read_as_a_key_is_what_would_be_written(text in "invoice[:+0-9x-]{0,13}") {
            if let Some(id) = parse::<Id>("invoice", &text) {
                prop_assert_eq!(KeySpace::default().render("invoice", &id), text);
            }
        }
    }

    #[test]
    fn a_lease_names_its_key() {
        assert_eq!(lease_of("invoice:42"), "lease:{invoice:42}");
        assert_eq!(key_of_lease("lease:{invoice:42}"), Some("invoice:42"));
        assert_eq!(key_of_lease("lease:invoice:42"), None);
    }

    #[test]
    fn glob_characters_are_escaped() {
        assert_eq!(escape_glob("a*b?[c]\\"), "a\\*b\\?\\[c\\]\\\\");
    }
}
