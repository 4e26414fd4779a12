//! The registry: cached types without their Rust types, for tools that treat all alike.
//!
//! A trait with constants behind an erased one, and a visible list: the design of crates.io's background jobs.
//!
//! Used by the outbox, the audit and the tools.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use billing_cache::{
    AnyKey, Cache, CacheBuilder, CacheKey, KeySpace, ReadError, Standing, Tier, TypeInfo, WarmUpError, WarmedUp,
};

use crate::comparison::{self, Compared};
use crate::database::{Database, DatabaseError, has_rows};
use crate::declaration::{KeyOfColumns, TableDependency, TypeDependencies, Watched};

/// Keys that a warm-up lists at once: a few hundred KiB.
const HOT_KEYS_PAGE: u64 = 10_000;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A cached type, as the tools see it.
pub trait RegisteredType: Send + Sync {
    /// Its name, key scheme and TTL.
    fn info(&self) -> TypeInfo;

    /// The tables its triggers watch.
    fn dependencies(&self) -> TypeDependencies;

    /// Adds the type to a cache that is being set up.
    fn add_to(&self, builder: CacheBuilder<Database>) -> CacheBuilder<Database>;

    /// The key that the column values of an outbox row identify.
    fn key_of_columns(&self, cache: &Cache<Database>, columns: &[Option<String>]) -> KeyOfColumns;

    /// The key, if the type has only one.
    fn only_key(&self, cache: &Cache<Database>) -> Option<AnyKey>;

    /// The texts of up to `limit` keys worth loading when no reads are known; most often the newest.
    fn hot_key_texts<'a>(
        &'a self,
        cache: &'a Cache<Database>,
        limit: u64,
    ) -> BoxFuture<'a, Result<Vec<String>, DatabaseError>>;

    /// Loads the values with these texts, in their order, and skips texts that are no key of the type. `progress` is
    /// called after each batch.
    fn load_texts<'a>(
        &'a self,
        cache: &'a Cache<Database>,
        texts: &'a [String],
        which: Which,
        progress: &'a mut (dyn FnMut(WarmedUp) + Send),
    ) -> BoxFuture<'a, Result<WarmedUp, WarmUpError<DatabaseError>>>;

    /// Compares cached values of this type, as they were looked up, with the database. It takes one load, which begins
    /// after the call.
    fn compare<'a>(
        &'a self,
        cache: &'a Cache<Database>,
        cached: Arc<Vec<(AnyKey, Standing)>>,
    ) -> BoxFuture<'a, Result<Vec<Compared>, DatabaseError>>;

    /// Why the bytes under a key are no value of this type; `None` if they are one, or nothing is stored there.
    fn undecodable(&self, standing: &Standing) -> Option<String>;

    /// Up to `limit` existing keys to measure; none while all tables that the type depends on are empty.
    fn probe<'a>(
        &'a self,
        cache: &'a Cache<Database>,
        limit: u64,
    ) -> BoxFuture<'a, Result<Arc<dyn Probe>, DatabaseError>>;

    /// The one key that has this text in `space`, to be measured in the key space of `cache`; `None` if the text is no
    /// key of this type.
    fn probe_of(&self, cache: &Cache<Database>, space: &KeySpace, text: &str) -> Option<Arc<dyn Probe>>;
}

/// Which values a warm-up loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Values that are not cached.
    Missing,
    /// All values, so that their TTL starts again.
    All,
}

/// Existing keys of one type, accessed by position.
pub trait Probe: Send + Sync {
    /// How many keys there are.
    fn len(&self) -> usize;

    /// Whether there is nothing to measure.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text under which the value of this position is stored in Redis.
    fn key_text(&self, place: usize) -> String;

    /// Reads the key at this position through the cache.
    fn read(&self, place: usize) -> BoxFuture<'_, Result<Tier, ReadError<DatabaseError>>>;

    /// Loads the key at this position from the database, past the cache.
    fn load(&self, place: usize) -> BoxFuture<'_, Result<(), DatabaseError>>;
}

/// The erased form of a cached type.
pub struct Registered<T>(PhantomData<T>);

impl<T> Registered<T> {
    /// The erased form of `T`.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Default for Registered<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Registered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<T>())
    }
}

impl<T: Watched> RegisteredType for Registered<T> {
    fn info(&self) -> TypeInfo {
        TypeInfo::of::<T>()
    }

    fn dependencies(&self) -> TypeDependencies {
        TypeDependencies { cache_type: T::NAME, tables: T::DEPENDENCIES }
    }

    fn add_to(&self, builder: CacheBuilder<Database>) -> CacheBuilder<Database> {
        builder.with::<T>()
    }

    fn key_of_columns(&self, cache: &Cache<Database>, columns: &[Option<String>]) -> KeyOfColumns {
        match T::key_of_columns(columns) {
            Some(key) => KeyOfColumns::Key(cache.any_key::<T>(&key)),
            None if T::DEPENDENCIES.iter().any(|table| table.key_columns.len() == columns.len()) => KeyOfColumns::NoKey,
            None => KeyOfColumns::OtherColumns,
        }
    }

    fn only_key(&self, cache: &Cache<Database>) -> Option<AnyKey> {
        let key = T::Key::PARTS.is_empty().then(|| T::key_of_columns(&[])).flatten();
        key.map(|key| cache.any_key::<T>(&key))
    }

    fn hot_key_texts<'a>(
        &'a self,
        cache: &'a Cache<Database>,
        limit: u64,
    ) -> BoxFuture<'a, Result<Vec<String>, DatabaseError>> {
        Box::pin(async move {
            let (mut pages, mut texts) = (HotKeyPages::<T>::new(limit), Vec::new());
            loop {
                let page = pages.next_page(cache.source()).await?;
                if page.is_empty() {
                    return Ok(texts);
                }
                texts.extend(page.iter().map(|key| cache.key_text::<T>(key)));
            }
        })
    }

    fn load_texts<'a>(
        &'a self,
        cache: &'a Cache<Database>,
        texts: &'a [String],
        which: Which,
        progress: &'a mut (dyn FnMut(WarmedUp) + Send),
    ) -> BoxFuture<'a, Result<WarmedUp, WarmUpError<DatabaseError>>> {
        Box::pin(async move {
            let keys: Vec<T::Key> = texts.iter().filter_map(|text| cache.space().parse::<T>(text)).collect();
            match which {
                Which::Missing => cache.warm_up::<T>(&keys, progress).await,
                Which::All => cache.renew::<T>(&keys, progress).await,
            }
        })
    }

    fn compare<'a>(
        &'a self,
        cache: &'a Cache<Database>,
        cached: Arc<Vec<(AnyKey, Standing)>>,
    ) -> BoxFuture<'a, Result<Vec<Compared>, DatabaseError>> {
        Box::pin(comparison::compare::<T>(cache, cached))
    }

    fn undecodable(&self, standing: &Standing) -> Option<String> {
        comparison::undecodable::<T>(standing)
    }

    fn probe<'a>(
        &'a self,
        cache: &'a Cache<Database>,
        limit: u64,
    ) -> BoxFuture<'a, Result<Arc<dyn Probe>, DatabaseError>> {
        Box::pin(async move {
            let has_rows = any_has_rows(cache.source(), T::DEPENDENCIES).await?;
            let keys = if has_rows { T::hot_keys(cache.source(), None, limit).await? } else { Vec::new() };
            Ok(Arc::new(TypedProbe::<T> { cache: cache.clone(), keys }) as Arc<dyn Probe>)
        })
    }

    fn probe_of(&self, cache: &Cache<Database>, space: &KeySpace, text: &str) -> Option<Arc<dyn Probe>> {
        let key = space.parse::<T>(text)?;
        Some(Arc::new(TypedProbe::<T> { cache: cache.clone(), keys: vec![key] }))
    }
}

/// The key of a type that has only one always exists, so only its tables show whether there is any data.
async fn any_has_rows(database: &Database, tables: &[TableDependency]) -> Result<bool, DatabaseError> {
    for dependency in tables {
        if has_rows(database.connection(), dependency.table).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The keys worth loading, page by page.
struct HotKeyPages<T: Watched> {
    after: Option<T::Key>,
    left: u64,
}

impl<T: Watched> HotKeyPages<T> {
    fn new(limit: u64) -> Self {
        Self { after: None, left: limit }
    }

    /// The next keys; none at the end.
    async fn next_page(&mut self, database: &Database) -> Result<Vec<T::Key>, DatabaseError> {
        if self.left == 0 {
            return Ok(Vec::new());
        }
        let page = T::hot_keys(database, self.after.as_ref(), self.left.min(HOT_KEYS_PAGE)).await?;
        self.left -= self.left.min(page.len() as u64);
        self.after = page.last().cloned();
        if page.is_empty() {
            self.left = 0;
        }
        Ok(page)
    }
}

struct TypedProbe<T: Watched> {
    cache: Cache<Database>,
    keys: Vec<T::Key>,
}

impl<T: Watched> Probe for TypedProbe<T> {
    fn len(&self) -> usize {
        self.keys.len()
    }

    fn key_text(&self, place: usize) -> String {
        self.cache.key_text::<T>(&self.keys[place])
    }

    fn read(&self, place: usize) -> BoxFuture<'_, Result<Tier, ReadError<DatabaseError>>> {
        Box::pin(async move { Ok(self.cache.get::<T>(&self.keys[place]).await?.tier) })
    }

    fn load(&self, place: usize) -> BoxFuture<'_, Result<(), DatabaseError>> {
        Box::pin(async move {
            let loaded = T::load(self.cache.source(), &self.keys[place..=place]).await?;
            loaded.into_values().try_for_each(|loaded| loaded.map(drop))
        })
    }
}
