//! An application, and its cache over a database.
//!
//! Invariant: what a row of the outbox means is looked up in the application that the cache was opened for. Rows of
//! other types are another application's, or another build's, and stay as they are.
//!
//! Used by everything above: the outbox, the audit, services and tools.

use std::ops::Deref;
use std::sync::Arc;

use billing_cache::{Cache, CacheBuilder, CacheSettings, RedisSettings, SetupError};

use crate::database::Database;
use crate::declaration::{Declarations, Owner, TypeDependencies};
use crate::registry::RegisteredType;
use crate::triggers::LastLook;

/// The cached types of an application, and whose triggers watch their tables.
#[derive(Clone, Copy)]
pub struct Application {
    /// Whose triggers they are.
    pub owner: Owner,
    /// The types, in the order in which tools show them.
    pub types: &'static [&'static dyn RegisteredType],
}

/// A cache over a database whose tables are watched by the triggers of an application. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DatabaseCache {
    cache: Cache<Database>,
    application: &'static Application,
    last_look: Arc<LastLook>,
}

impl Application {
    /// The type with this name or alias.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static dyn RegisteredType> {
        self.types.iter().copied().find(|cached| {
            let info = cached.info();
            info.name == name || info.aliases.contains(&name)
        })
    }

    /// The declarations from which the triggers are generated.
    #[must_use]
    pub fn declarations(&self) -> Declarations {
        let types: Vec<TypeDependencies> = self.types.iter().map(|cached| cached.dependencies()).collect();
        Declarations { owner: self.owner, types: types.into() }
    }

    /// A builder with every type, for [`DatabaseCache::open`].
    #[must_use]
    pub fn builder(&self, database: Database, settings: CacheSettings) -> CacheBuilder<Database> {
        let builder = CacheBuilder::new(database, settings);
        self.types.iter().fold(builder, |builder, cached| cached.add_to(builder))
    }

    /// The names of the types.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.types.iter().map(|cached| cached.info().name)
    }
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Application").field("owner", &self.owner.name).finish_non_exhaustive()
    }
}

impl DatabaseCache {
    /// Opens the cache of an application, with its own [`Application::builder`].
    ///
    /// # Errors
    /// Settings that cannot work. A Redis that cannot be reached is no error.
    pub async fn open(
        application: &'static Application,
        builder: CacheBuilder<Database>,
        redis: &RedisSettings,
    ) -> Result<Self, SetupError> {
        // Boxed, since the layout of a future around all of this is too deep for the compiler.
        let cache = Box::pin(builder.open(redis)).await?;
        Ok(Self { cache, application, last_look: Arc::default() })
    }

    /// The application whose types it holds.
    #[must_use]
    pub fn application(&self) -> &'static Application {
        self.application
    }

    /// What is known about the triggers.
    pub(crate) fn last_look(&self) -> &LastLook {
        &self.last_look
    }
}

impl Deref for DatabaseCache {
    type Target = Cache<Database>;

    fn deref(&self) -> &Cache<Database> {
        &self.cache
    }
}
