//! Data that are exchanged under the feet of those who are connected (`SWAPDB`), or that go: who looks notices, and
//! memory forgets what it has of them.

use billing_cache::{Cache, History, Primaries, Primary};

use crate::ledger::Ledger;
use crate::memory::{in_l1, until_in_l1};
use crate::world::{World, invalidate, open_replaying, read, until};

pub(crate) const DATA: &str = "billing_cache:{database}:data";

async fn replaying(world: &World) -> Cache<Ledger> {
    open_replaying(&world.ledger, &world.options()).await
}

fn the_one(primaries: &Primaries) -> Primary {
    primaries.iter().next().unwrap().clone()
}

/// Looks until the process is at rest with the data there are.
pub(crate) async fn look(cache: &Cache<Ledger>) -> Primary {
    let found = std::cell::Cell::new(None);
    until(|| async {
        let primaries = cache.primaries().await;
        found.set(primaries.ok().map(|primaries| the_one(&primaries)));
        let primary = found.take();
        found.set(primary.clone());
        primary.is_some()
    })
    .await;
    found.take().unwrap()
}

pub(crate) fn text(primary: &Primary) -> String {
    primary.history.as_ref().map_or_else(String::new, |history: &History| history.as_str().to_owned())
}

#[tokio::test]
async fn memory_forgets_what_it_has_of_data_that_were_exchanged() {
    let world = World::new();
    let writer = replaying(&world).await;
    writer.admit(look(&writer).await.connection);
    let reader = world.l1_cache_with(|options| options.cache.l1_staleness_bound_ms = 2_000).await;
    world.ledger.put(1, 1);
    until_in_l1(&reader, 1, 1).await;
    world.server.command::<()>(&["SWAPDB", "0", "1"]).unwrap();
    // Of this nothing is announced: the other data do not have the key.
    world.write(&writer, 1, 2).await;
    until(|| async { in_l1(&reader, 1) != Some(Some(1)) }).await;
    until_in_l1(&reader, 1, 2).await;
}

#[tokio::test]
async fn data_that_are_exchanged_or_gone_are_another_history_and_the_connection_counts_as_a_new_one() {
    let warnings = crate::warnings::collect();
    let world = World::new();
    let cache = replaying(&world).await;
    let first = look(&cache).await;
    assert_eq!(look(&cache).await, first);
    cache.admit(first.connection);
    let id: String = world.server.command(&["GET", DATA]).unwrap();
    assert!(text(&first).ends_with(&format!(":{id}")), "{first:?}");
    let changes: [&[&str]; 7] = [
        &["SWAPDB", "0", "1"],
        &["FLUSHDB"],
        &["DEL", DATA],
        &["PEXPIRE", DATA, "-1"],
        &["SET", DATA, "of somebody else"],
        &["EVAL", "redis.call('RPUSH', KEYS[1], redis.call('DEL', KEYS[1]))", "1", DATA],
        &["FLUSHALL"],
    ];
    let mut before = first.clone();
    for change in changes {
        let _: redis::Value = world.server.command(change).unwrap();
        let now = look(&cache).await;
        assert_ne!(now.history, before.history, "{change:?}");
        assert!(now.connection > before.connection, "{change:?}");
        assert!(!cache.uses_redis(), "{change:?}: nothing is read before the replay");
        cache.admit(now.connection);
        assert!(cache.uses_redis());
        before = now;
    }
    assert_eq!(warnings.containing("other data than before"), changes.len(), "{}", warnings.text());
}

#[tokio::test]
async fn data_that_come_back_have_the_history_that_they_had() {
    let world = World::new();
    let cache = replaying(&world).await;
    let first = look(&cache).await;
    world.server.command::<()>(&["SWAPDB", "0", "1"]).unwrap();
    let other = look(&cache).await;
    world.server.command::<()>(&["SWAPDB", "0", "1"]).unwrap();
    let back = look(&cache).await;
    assert_eq!(back.history, first.history);
    assert_ne!(other.history, first.history);
    assert!(first.connection < other.connection && other.connection < back.connection);
}

#[tokio::test]
async fn an_invalidation_notices_that_the_data_are_others() {
    let world = World::new();
    let cache = replaying(&world).await;
    let first = look(&cache).await;
    let told = invalidate(&cache, &[1]).await;
    assert_eq!(told.done.into_values().next().unwrap(), first.history);
    let mut changes = cache.connection_changes();
    changes.mark_unchanged();
    world.server.command::<()>(&["SWAPDB", "0", "1"]).unwrap();
    let told = invalidate(&cache, &[1]).await;
    assert!(told.is_done());
    assert_ne!(told.done.into_values().next().unwrap(), first.history);
    assert!(changes.has_changed().unwrap());
}

/// Redis keeps both waiting, in this order: the exchange, and the removal behind the first question for the id.
#[tokio::test]
async fn a_removal_while_data_are_exchanged_belongs_to_no_known_history() {
    let world = World::new();
    let cache = replaying(&world).await;
    let exchange = || world.server.command::<()>(&["SWAPDB", "0", "1"]).unwrap();
    look(&cache).await;
    exchange();
    look(&cache).await;
    exchange();
    look(&cache).await;
    world.refuse_writes();
    let waits = |command: &str| world.server.command::<String>(&["CLIENT", "LIST"]).unwrap().contains(command);
    let mut connection = world.server.connection().unwrap();
    let exchanging = std::thread::spawn(move || redis::cmd("SWAPDB").arg(0).arg(1).exec(&mut connection));
    until(|| async { waits("cmd=swapdb") }).await;
    let writing = cache.clone();
    let told = tokio::spawn(async move { invalidate(&writing, &[1]).await });
    until(|| async { waits("cmd=unlink") }).await;
    world.take_writes();
    exchanging.join().unwrap().unwrap();
    let told = told.await.unwrap();
    assert!(told.is_done());
    assert_eq!(told.done.into_values().next().unwrap(), None);
}

#[tokio::test]
async fn the_key_that_names_the_data_is_kept_alive_by_whoever_looks() {
    let world = World::new();
    let cache = replaying(&world).await;
    let left_ms = || world.server.command::<i64>(&["PTTL", DATA]).unwrap();
    let first = look(&cache).await;
    assert!((80_000_000..=86_400_000).contains(&left_ms()), "{}", left_ms());
    world.server.command::<()>(&["EXPIRE", DATA, "3600"]).unwrap();
    assert_eq!(look(&cache).await, first);
    assert!(left_ms() > 80_000_000, "{}", left_ms());
}

#[tokio::test]
async fn a_redis_that_takes_no_key_is_used_all_the_same_and_has_an_id_later() {
    let world = World::new();
    world.set_limit("1", "noeviction");
    let cache = replaying(&world).await;
    world.ledger.put(1, 1);
    let full = look(&cache).await;
    cache.admit(full.connection);
    assert_eq!(text(&full).split(':').count(), 2, "run id and replication id");
    assert_eq!(read(&cache, 1).await.0, Some(1));
    assert!(!world.exists(DATA));
    world.set_limit("0", "noeviction");
    until(|| async { text(&look(&cache).await).split(':').count() == 3 }).await;
}

#[tokio::test]
async fn a_process_that_replays_nothing_sets_no_id_and_reads_on() {
    let world = World::new();
    let cache = world.cache().await;
    let first = look(&cache).await;
    assert!(!world.exists(DATA));
    world.server.command::<()>(&["SET", DATA, "0123456789abcdef"]).unwrap();
    let now = look(&cache).await;
    assert_eq!(text(&now), format!("{}:0123456789abcdef", text(&first)));
    assert!(cache.uses_redis());
}
