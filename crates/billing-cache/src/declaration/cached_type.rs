//! The declaration of a cached type. A crate that owns data implements it once for each kind of value.
//!
//! Invariant: a key type belongs to one cached type, so the key of one kind cannot read a value of another (the idea of
//! svix-webhooks' `CacheKey`). The cache itself names no concrete type.
//!
//! The owner of the data implements it; `builder` takes the types.

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

    /// Whether to retry a load that failed with this error, once, from a new snapshot. Asked at most once a load.
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
    /// A snapshot made for the cache. Its JSON is stored in Redis.
    type Value: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The name on the command line, in metrics and in the configuration: `tax_rates`.
    const NAME: &'static str;
    /// Other names the command line accepts.
    const ALIASES: &'static [&'static str] = &[];
    /// The key text before the parts: `tax_rate`.
    const PREFIX: &'static str;
    /// How long a value may be served unless the configuration says otherwise.
    const TTL: Duration;
    /// How long the absence of a row may be served, unless the configuration says otherwise; never longer than a value.
    /// It is short because the caller chooses the key: a caller that makes up keys fills Redis with absences, and each
    /// stays this long.
    const ABSENT_TTL: Duration = Duration::from_secs(300);
    /// Whether a key may have no value. If it is impossible, as for a list, JSON `null` under a key is a miss.
    const ABSENCE: Absence = Absence::Possible;
    /// Whether the memory of the process (L1) also holds values, unless the configuration says otherwise.
    const L1: L1Policy = L1Policy::Off;

    /// Which key this value belongs to, if the value tells. A value of another key is a miss, and is replaced.
    ///
    /// Called for each hit in Redis, so it compares fields and allocates nothing.
    fn owner(value: &Self::Value, key: &Self::Key) -> Owner;

    /// The moment from which the value is wrong without any write, if the value tells. From then on it is a miss by the
    /// clock of this machine, whichever program stored it.
    fn valid_until(_: &Self::Value) -> Option<SystemTime> {
        None
    }

    /// Loads the values of `keys` from one snapshot that begins after the call.
    ///
    /// A key without an entry in the answer is cached as absent. If the value of one key cannot be made from its data,
    /// the error concerns that key alone: its readers receive it, it is never cached, and it never counts as absence.
    /// The loader must read the primary, outside any transaction of the caller. It may be cancelled at its deadline.
    fn load(source: &Self::Source, keys: &[Self::Key]) -> impl Future<Output = LoadResult<Self>> + Send;

    /// A page of the keys worth loading into a cold cache, most wanted first: up to `limit` keys that come after
    /// `after`, or the first ones. An empty page is the end.
    fn hot_keys(
        source: &Self::Source,
        after: Option<&Self::Key>,
        limit: u64,
    ) -> impl Future<Output = HotKeysResult<Self>> + Send;
}

/// The values of a batch by key, or the error of the source. Each entry is a value, or the reason why it cannot be
/// made.
pub type LoadResult<T> =
    Result<HashMap<<T as CachedType>::Key, LoadedOne<T>>, <<T as CachedType>::Source as Source>::Error>;

/// The value of one key, or why it cannot be made although the source works.
pub type LoadedOne<T> = Result<Loaded<<T as CachedType>::Value>, <<T as CachedType>::Source as Source>::Error>;

/// Keys for warm-up, or the error of the source.
pub type HotKeysResult<T> = Result<Vec<<T as CachedType>::Key>, <<T as CachedType>::Source as Source>::Error>;

/// Whether there may be no value for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// Yes. The absence of a row is an answer, and it is cached.
    Possible,
    /// No. There is always a value, even if it is an empty list.
    Impossible,
}

/// Which key the value under a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The key that was asked for.
    ThisKey,
    /// Another key.
    AnotherKey,
    /// The value does not tell.
    Untold,
}

impl Owner {
    /// [`ThisKey`](Self::ThisKey) if the value names the same key.
    #[must_use]
    pub fn if_same(is_same: bool) -> Self {
        if is_same { Self::ThisKey } else { Self::AnotherKey }
    }
}

impl KeySpace {
    /// The key of `T` in this space with that text; `None` if it is no key of that type.
    #[must_use]
    pub fn parse<T: CachedType>(&self, text: &str) -> Option<T::Key> {
        self.strip(text).and_then(|text| key::parse(T::PREFIX, text))
    }
}

/// What the tools need to know about a cached type without its Rust type.
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

    /// The key scheme for people: `tax_rate:{country}:{region}`.
    #[must_use]
    pub fn pattern(&self) -> String {
        let parts: String = self.parts.iter().map(|part| format!(":{{{part}}}")).collect();
        format!("{}{parts}", self.prefix)
    }

    /// Whether this text from Redis is a key of this type in that space.
    #[must_use]
    pub fn owns(&self, space: &KeySpace, text: &str) -> bool {
        space.strip(text).is_some_and(self.owns)
    }

    /// A `SCAN MATCH` pattern that matches every key of this type in that space. It may match other keys too.
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
