//! Walk: every key of some cached types that stands in Redis, a step at a time, for whoever looks at values one by one.
//!
//! Invariant: constant memory, one short SCAN a step; whoever walks sets the pace. A key that stays during the whole walk is
//! given at least once; one that moves while the server's table grows may be given twice, as `SCAN` has it.

use std::fmt;
use std::sync::Arc;

use crate::cache::{Cache, Shared};
use crate::cached_type::{CachedType, Source, TypeInfo};
use crate::invalidate::AnyKey;
use crate::key::{self, escape_glob};
use crate::l2::admin::Scan;
use crate::l2::error::RedisUnreachable;
use crate::l2::link::OwnConnection;

/// A walk that is going on. Dropping it ends it.
pub struct KeyWalk {
    shared: Arc<Shared>,
    connection: OwnConnection,
    scan: Scan,
    types: Vec<TypeInfo>,
}

impl<S: Source> Cache<S> {
    /// Begins a walk over the keys of these types.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn walk(&self, types: &[TypeInfo]) -> Result<KeyWalk, RedisUnreachable> {
        let shared = Arc::clone(self.shared());
        let connection = shared.link.own_connection().await?;
        let pattern = match types {
            [one] => one.scan_pattern(&shared.space),
            _ => format!("{}*", escape_glob(shared.space.prefix())),
        };
        let scan = Scan::new(Some(pattern), shared.settings.scan_count);
        Ok(KeyWalk { shared, connection, scan, types: types.to_vec() })
    }

    /// The key that stands in Redis under this text; `None` if it is a key of no cached type.
    #[must_use]
    pub fn key_of_text(&self, text: &str) -> Option<AnyKey> {
        let owner = self.types().find(|info| info.owns(self.space(), text))?;
        Some(AnyKey::new(owner.name, text.to_owned()))
    }

    /// The key as its type has it; `None` if it is a key of another type.
    #[must_use]
    pub fn typed_key<T: CachedType<Source = S>>(&self, key: &AnyKey) -> Option<T::Key> {
        self.space().strip(key.as_str()).and_then(|text| key::parse(T::PREFIX, text))
    }
}

impl KeyWalk {
    /// The next keys, perhaps none; `None` at the end.
    ///
    /// # Errors
    /// Redis cannot be used any more.
    pub async fn next(&mut self) -> Result<Option<Vec<AnyKey>>, RedisUnreachable> {
        let names = self.scan.next(&mut self.connection).await;
        let names = names.map_err(|error| self.shared.link.unreachable(error))?;
        Ok(names.map(|names| names.into_iter().filter_map(|name| self.owned(name)).collect()))
    }

    fn owned(&self, name: Vec<u8>) -> Option<AnyKey> {
        let text = String::from_utf8(name).ok()?;
        let owner = self.types.iter().find(|info| info.owns(&self.shared.space, &text))?;
        Some(AnyKey::new(owner.name, text))
    }
}

impl fmt::Debug for KeyWalk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyWalk").field("types", &self.types).finish_non_exhaustive()
    }
}
