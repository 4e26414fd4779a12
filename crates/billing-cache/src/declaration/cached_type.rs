//! The declaration of a cached type: what a crate that owns data implements, once for each kind of value.
//!
//! Invariant: a key type belongs to one cached type, so the key of one kind cannot read a value of another
//! (the idea of svix-webhooks' `CacheKey`). The cache itself names no concrete type.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::{self, CacheKey, KeySpace};
use super::loaded::Loaded;
use super::policy::L1Policy;

/// Where values are loaded from, usually a handle to a database.
pub trait Source: Clone + Send + Sync + 'static {
    /// Why a load failed.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Whether a load that failed so shall begin once more, from a new snapshot; asked at most once a load.
    fn is_worth_another_try(&self, _: &Self::Error) -> bool {
        false
    }
}

/// One kind of cached data: its name, key, TTL and loader.
pub trait CachedType: Send + Sync + 'static {
    /// Where its values are loaded from.
    type Source: Source;
    /// What identifies one value.
    type Key: CacheKey;
    /// A snapshot made for the cache; its JSON is what stands in Redis.
    type Value: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The name on the command line, in metrics and in the configuration: `tax_rates`.
    const NAME: &'static str;
    /// Other names the command line accepts.
    const ALIASES: &'static [&'static str] = &[];
    /// The key text before the parts: `tax_rate`.
    const PREFIX: &'static str;
    /// How long a value may be served unless the configuration says otherwise.
    const TTL: Duration;
    /// How long the knowledge that there is no such row may be served, unless the configuration says otherwise; never
    /// longer than a value. Short, because whoever asks chooses the key: a caller who makes keys up fills Redis for so
    /// long.
    const ABSENT_TTL: Duration = Duration::from_secs(300);
    /// Whether a key may have no value. Where it may not, as of a list, JSON `null` under a key is a miss.
    const ABSENCE: Absence = Absence::Possible;
    /// Whether the process's memory holds values too, unless the configuration says otherwise.
    const L1: L1Policy = L1Policy::Off;

    /// Whose value it is, as far as it tells. A value that stands under the key of another is a miss, and replaced.
    ///
    /// Called for each hit in Redis, so it compares what it has and allocates nothing.
    fn owner(value: &Self::Value, key: &Self::Key) -> Owner;

    /// The moment from which the value is wrong without any write, as far as it tells. Whoever stored it, it is a miss
    /// from then on, by the clock of this machine.
    fn valid_until(_: &Self::Value) -> Option<SystemTime> {
        None
    }

    /// Loads the values of `keys` from one snapshot that begins after the call.
    ///
    /// A key without an entry in the answer is cached as absent. What cannot be made of one key's data is an error of
    /// that key alone: it is told to whoever reads it, never cached, and never taken for absence. Must read the
    /// primary, and outside any transaction of the caller's. May be cancelled at its deadline.
    fn load(source: &Self::Source, keys: &[Self::Key]) -> impl Future<Output = LoadResult<Self>> + Send;

    /// A page of the keys worth loading into a cold cache, the most wanted first: up to `limit` of those that come
    /// after this one, or of the first. An empty page is the end.
    fn hot_keys(
        source: &Self::Source,
        after: Option<&Self::Key>,
        limit: u64,
    ) -> impl Future<Output = HotKeysResult<Self>> + Send;
}

/// The values of a batch by key, each or why it cannot be made, or the error of the source.
pub type LoadResult<T> =
    Result<HashMap<<T as CachedType>::Key, LoadedOne<T>>, <<T as CachedType>::Source as Source>::Error>;

/// The value of one key, or why it cannot be made though the source is well.
pub type LoadedOne<T> = Result<Loaded<<T as CachedType>::Value>, <<T as CachedType>::Source as Source>::Error>;

/// Keys for warm-up, or the error of the source.
pub type HotKeysResult<T> = Result<Vec<<T as CachedType>::Key>, <<T as CachedType>::Source as Source>::Error>;

/// Whether there may be no value for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Yes: that there is none is an answer, and cached.
    Possible,
    /// No: there is always one, if only an empty list.
    Impossible,
}

/// Whose value it is that stands under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// This key's.
    ThisKey,
    /// Another key's.
    AnotherKey,
    /// The value does not tell.
    Untold,
}

impl Owner {
    /// This key's, if what the value says of its key is so.
    #[must_use]
    pub fn if_same(is_same: bool) -> Self {
        if is_same { Self::ThisKey } else { Self::AnotherKey }
    }
}

impl KeySpace {
    /// The key of `T` that stands in this space under the text; `None` if it is no key of that type.
    #[must_use]
    pub fn parse<T: CachedType>(&self, text: &str) -> Option<T::Key> {
        self.strip(text).and_then(|text| key::parse(T::PREFIX, text))
    }
}

/// What the tools need to know of a cached type without knowing its Rust type.
#[derive(Clone, Copy)]
pub struct TypeInfo {
    /// See [`CachedType::NAME`].
    pub name: &'static str,
    /// See [`CachedType::ALIASES`].
    pub aliases: &'static [&'static str],
    /// See [`CachedType::PREFIX`].
    pub prefix: &'static str,
    /// See [`CacheKey::PARTS`].
    pub parts: &'static [&'static str],
    /// See [`CachedType::TTL`].
    pub ttl: Duration,
    /// See [`CachedType::L1`].
    pub l1: L1Policy,
    pub(crate) owns: fn(&str) -> bool,
}

impl TypeInfo {
    /// The description of `T`.
    #[must_use]
    pub const fn of<T: CachedType>() -> Self {
        Self {
            name: T::NAME,
            aliases: T::ALIASES,
            prefix: T::PREFIX,
            parts: T::Key::PARTS,
            ttl: T::TTL,
            l1: T::L1,
            owns: |text| key::parse::<T::Key>(T::PREFIX, text).is_some(),
        }
    }

    /// The key scheme as people write it: `tax_rate:{country}:{region}`.
    #[must_use]
    pub fn pattern(&self) -> String {
        let parts: String = self.parts.iter().map(|part| format!(":{{{part}}}")).collect();
        format!("{}{parts}", self.prefix)
    }

    /// Whether this text, as it stands in Redis, is a key of this type in that space.
    #[must_use]
    pub fn owns(&self, space: &KeySpace, text: &str) -> bool {
        space.strip(text).is_some_and(self.owns)
    }

    /// A `SCAN MATCH` pattern that no key of this type in that space escapes; others may match too.
    pub(crate) fn scan_pattern(&self, space: &KeySpace) -> String {
        let prefix = key::escape_glob(space.prefix());
        let any = if self.parts.is_empty() { "" } else { ":*" };
        format!("{prefix}{}{any}", self.prefix)
    }
}

impl fmt::Debug for TypeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeInfo").field("name", &self.name).field("pattern", &self.pattern()).finish_non_exhaustive()
    }
}
