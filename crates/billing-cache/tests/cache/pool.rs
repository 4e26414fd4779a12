//! The pool: connections for walks, no more of them than the settings allow.

use billing_cache::Pace;

use crate::world::World;

#[tokio::test]
async fn walks_wait_for_a_connection_of_the_pool_and_get_none_beyond_it() {
    let world = World::new();
    let cache =
        world.cache_with(|options| (options.redis.pool_size, options.redis.connect_timeout_ms) = (2, 1_000)).await;
    let types: Vec<_> = cache.types().copied().collect();
    let walk = || cache.walk(&types, Pace::unlimited());
    // The connection of the reads is none of the pool's.
    let _first = walk().await.unwrap();
    let second = walk().await.unwrap();
    for _ in 0..3 {
        assert!(walk().await.is_err(), "two are in use");
    }
    drop(second);
    walk().await.unwrap();
}
