//! Reads types past the cache while changes of their values would go unnoticed.
//!
//! Invariant: from the call on, no read of the type returns what was cached before: Redis is not asked, and the entries
//! in memory no longer count. Invalidations and clears continue. The caller that turns it off has cleared the type
//! before. The code that watches the source calls it.

use super::cache::Cache;
use super::shared::PastCache;
use crate::declaration::cached_type::Source;

impl<S: Source> Cache<S> {
    /// From now on, reads of this type go to the source and are answered as bypassed.
    pub fn read_past_cache(&self, cache_type: &str) {
        self.past_cache_of(cache_type).for_each(PastCache::begin);
        self.shared().guard.stamps.bump_all();
    }

    /// Reads of this type use the cache again. Clear the type first: its values may have become wrong unnoticed.
    pub fn read_through_cache(&self, cache_type: &str) {
        self.past_cache_of(cache_type).for_each(PastCache::end);
    }

    /// The types that are read past the cache.
    #[must_use]
    pub fn types_past_cache(&self) -> Vec<&'static str> {
        let past = self.shared().types.iter().filter(|registered| registered.past_cache.is_on());
        past.map(|registered| registered.info.name).collect()
    }

    fn past_cache_of(&self, cache_type: &str) -> impl Iterator<Item = &PastCache> {
        let of_type = self.shared().types.iter().filter(move |registered| registered.info.name == cache_type);
        of_type.map(|registered| &*registered.past_cache)
    }
}
