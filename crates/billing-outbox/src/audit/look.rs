//! One look at some keys: what is cached, and how it compares with the database.
//!
//! Used by the audit.

use std::collections::BTreeMap;
use std::sync::Arc;

use billing_cache::{AnyKey, Standing};

use super::verdict::AuditError;
use crate::application::DatabaseCache;
use crate::comparison::Compared;

/// Values compared with one load.
pub(super) const BATCH: usize = 500;

/// A key with the result of looking at it.
pub(super) struct Seen {
    pub(super) key: AnyKey,
    pub(super) standing: Standing,
    pub(super) compared: Compared,
}

/// Looks the keys up, and then compares what is cached with the database, with one load for each type and [`BATCH`].
pub(super) async fn look_at(cache: &DatabaseCache, keys: Vec<AnyKey>) -> Result<Vec<Seen>, AuditError> {
    let mut seen = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let standing = cache.standing(keys).await?;
        let mut by_type: BTreeMap<&'static str, Vec<(AnyKey, Standing)>> = BTreeMap::new();
        for (key, standing) in keys.iter().cloned().zip(standing) {
            by_type.entry(key.cache_type()).or_default().push((key, standing));
        }
        for (name, cached) in by_type {
            let registered = cache.application().find(name).expect("a key of the cache has a registered type");
            let cached = Arc::new(cached);
            let compared = registered.compare(cache, Arc::clone(&cached)).await?;
            let both = Arc::unwrap_or_clone(cached).into_iter().zip(compared);
            seen.extend(both.map(|((key, standing), compared)| Seen { key, standing, compared }));
        }
    }
    Ok(seen)
}
