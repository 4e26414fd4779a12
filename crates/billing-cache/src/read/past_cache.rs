//! Types that are read past the cache, because nobody would notice if their values became wrong.
//!
//! Invariant: from the call on, no read of the type answers what was cached before: not from Redis, which is not asked,
//! and not from memory, whose entries are dead. Invalidations and clears go on. Whoever turns it off has cleared the
//! type before. Called by those who watch the source.

use super::cache::Cache;
use super::shared::PastCache;
use crate::declaration::cached_type::Source;

impl<S: Source> Cache<S> {
    /// Reads of this type go to the source from now on, and are answered as bypassed.
    pub fn read_past_cache(&self, cache_type: &str) {
        self.past_cache_of(cache_type).for_each(PastCache::begin);
        self.shared().guard.stamps.bump_all();
    }

    /// Reads of this type use the cache again. Clear the type first: its values may have become wrong unseen.
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
