//! What a hit in the memory of a process allocates: nothing.

use allocation_counter::measure;
use billing_cache::{Cache, Event, Tier};
use futures_util::FutureExt;

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::memory::until_in_l1;
use crate::world::World;

const HITS: u64 = 10_000;

/// Allocations of this thread in so many hits, counted and timed like all others.
fn allocations(cache: &Cache<Ledger>) -> u64 {
    let hits = cache.count::<Invoices>(Event::HitL1);
    let measured = measure(|| {
        for _ in 0..HITS {
            let cached = cache.get::<Invoices>(&InvoiceId(1)).now_or_never().unwrap().unwrap();
            assert_eq!(cached.tier, Tier::L1);
        }
    });
    assert_eq!(cache.count::<Invoices>(Event::HitL1) - hits, HITS);
    measured.count_total
}

#[tokio::test]
async fn a_hit_in_memory_allocates_nothing() {
    let world = World::new();
    let cache = world.l1_cache_with(|options| options.cache.usage_keys = 0).await;
    world.ledger.put(1, 7);
    until_in_l1(&cache, 1, 7).await;
    assert_eq!(allocations(&cache), 0);
}

#[tokio::test]
async fn noting_what_is_read_allocates_for_few_hits() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 7);
    until_in_l1(&cache, 1, 7).await;
    let allocations = allocations(&cache);
    assert!(allocations < HITS / 4, "{allocations} allocations in {HITS} hits");
}
