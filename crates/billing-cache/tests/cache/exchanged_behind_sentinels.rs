//! Behind Sentinel the data may be others too: on the primary that stays, and on the one that a failover brings. Reads
//! wait for the replay, and then go on.

use billing_cache::{Cache, Primary, Tier};
use test_support::{RedisGroup, RedisOptions, RedisServer};

use crate::exchanged::{DATA, look, text};
use crate::ledger::Ledger;
use crate::world::{World, invalidate, open_replaying, read, until};

/// A process that replays, over the group.
async fn replaying(world: &World, group: &RedisGroup) -> Cache<Ledger> {
    let mut options = world.options();
    options.redis.sentinels = group.sentinels();
    options.redis.sentinel_master = group.master().to_owned();
    open_replaying(&world.ledger, &options).await
}

fn world_behind_sentinels() -> (World, RedisGroup) {
    let (world, group) = (World::new(), RedisGroup::start(&RedisOptions::default()).unwrap());
    world.ledger.put(1, 1);
    (world, group)
}

/// A process that reads from the primary, and what it looked at.
async fn reading(world: &World, group: &RedisGroup) -> (Cache<Ledger>, Primary) {
    let cache = replaying(world, group).await;
    let primary = look(&cache).await;
    waits_for_the_replay(&cache, &primary).await;
    (cache, primary)
}

/// The id of the data in a history, which ends with it.
fn data(primary: &Primary) -> String {
    let text = text(primary);
    text.split(':').nth(2).unwrap_or_else(|| panic!("{text} has no id of the data")).to_owned()
}

fn id_at(server: &RedisServer) -> Option<String> {
    server.command(&["GET", DATA]).unwrap()
}

/// Looks until this is the primary that is looked at.
async fn until_seen(cache: &Cache<Ledger>, server: &RedisServer) -> Primary {
    let run_id = server.info("server").unwrap()["run_id"].clone();
    let seen = std::cell::RefCell::new(None);
    until(|| async {
        let primary = look(cache).await;
        let is_it = text(&primary).starts_with(&run_id);
        seen.replace(Some(primary));
        is_it
    })
    .await;
    seen.take().unwrap()
}

/// Nothing is read from the data of `now` before they are admitted, and then everything is.
async fn waits_for_the_replay(cache: &Cache<Ledger>, now: &Primary) {
    assert!(!cache.uses_redis());
    assert_eq!(read(cache, 1).await, (Some(1), Tier::Bypassed));
    cache.admit(now.connection);
    assert!(cache.uses_redis());
    assert_eq!(read(cache, 1).await, (Some(1), Tier::Loaded));
    assert_eq!(read(cache, 1).await, (Some(1), Tier::L2));
    let told = invalidate(cache, &[1]).await;
    assert_eq!(told.done.into_values().next().unwrap(), now.history, "what is removed now counts for these data");
}

#[tokio::test]
async fn data_that_are_exchanged_or_gone_on_the_primary_of_the_sentinels_are_noticed() {
    let (world, group) = world_behind_sentinels();
    let (cache, mut before) = reading(&world, &group).await;
    let (primary, _) = group.roles().unwrap();
    for change in [&["SWAPDB", "0", "1"][..], &["FLUSHALL"], &["DEL", DATA]] {
        primary.command::<redis::Value>(change).unwrap();
        let now = look(&cache).await;
        assert_ne!(data(&now), data(&before), "{change:?}");
        assert!(now.connection > before.connection, "{change:?}");
        waits_for_the_replay(&cache, &now).await;
        before = now;
    }
}

#[tokio::test]
async fn a_successor_with_the_same_data_keeps_their_id_and_is_admitted_anew() {
    let (world, group) = world_behind_sentinels();
    let (cache, before) = reading(&world, &group).await;
    let (_, successor) = group.roles().unwrap();
    until(|| async { id_at(successor) == Some(data(&before)) }).await;
    group.fail_over().unwrap();
    group.wait_until_primary(successor).unwrap();
    let now = until_seen(&cache, successor).await;
    assert_eq!(data(&now), data(&before));
    assert_ne!(now.history, before.history, "what the old primary acknowledged may be missing here");
    waits_for_the_replay(&cache, &now).await;
}

/// A replica that somebody made writable, and that lost what its primary has.
#[tokio::test]
async fn a_successor_with_other_data_gets_an_id_of_its_own_before_anything_is_read_from_it() {
    let (world, group) = world_behind_sentinels();
    let (cache, before) = reading(&world, &group).await;
    let (_, successor) = group.roles().unwrap();
    until(|| async { id_at(successor) == Some(data(&before)) }).await;
    successor.command::<()>(&["CONFIG", "SET", "replica-read-only", "no"]).unwrap();
    successor.command::<()>(&["FLUSHALL"]).unwrap();
    group.fail_over().unwrap();
    group.wait_until_primary(successor).unwrap();
    let now = until_seen(&cache, successor).await;
    assert_ne!(data(&now), data(&before));
    assert_eq!(id_at(successor), Some(data(&now)));
    waits_for_the_replay(&cache, &now).await;
}
