//! Refresh ahead: a value near its end is loaded anew by one process, while all go on hitting; writes are never undone.

use billing_cache::{Event, Tier};

use crate::ledger::{InvoiceId, Invoices};
use crate::world::{World, invalidate, lease, read, until, until_counted};

/// The TTL of invoices is minutes, so a value with a second to live is near its end.
fn near_its_end(world: &World) {
    assert!(world.server.command::<bool>(&["PEXPIRE", "invoice:1", "20000"]).unwrap());
}

#[tokio::test]
async fn a_hot_value_near_its_end_is_loaded_once_by_all_processes_and_nobody_waits() {
    let world = World::new();
    let first = world.cache_with(|options| options.cache.refresh_ahead_percent = 50).await;
    let second = world.cache_with(|options| options.cache.refresh_ahead_percent = 50).await;
    world.ledger.put(1, 7);
    read(&first, 1).await;
    near_its_end(&world);
    world.ledger.hold_next(1);
    until(|| async {
        assert_eq!(read(&first, 1).await, (Some(7), Tier::L2), "the old value is served meanwhile");
        assert_eq!(read(&second, 1).await, (Some(7), Tier::L2));
        world.ledger.loads() == 2
    })
    .await;
    for _ in 0..200 {
        assert_eq!(read(&second, 1).await, (Some(7), Tier::L2));
    }
    assert_eq!(world.ledger.loads(), 2, "one load to fill, one to refresh");
    world.ledger.release();
    until(|| async { first.count::<Invoices>(Event::Refreshed) + second.count::<Invoices>(Event::Refreshed) == 1 })
        .await;
    assert!(world.server.command::<i64>(&["PTTL", "invoice:1"]).unwrap() > 20_000, "it lives anew");
}

/// FusionCache #628: an invalidation is lost if it races with a refresh in the background.
#[tokio::test]
async fn a_refresh_that_began_before_a_write_does_not_undo_it() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.refresh_ahead_percent = 50).await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    near_its_end(&world);
    world.ledger.hold_next(1);
    until(|| async {
        read(&cache, 1).await;
        world.ledger.loads() == 2
    })
    .await;
    world.ledger.until_held(1).await;
    world.ledger.put(1, 8);
    let _ = invalidate(&cache, &[1]).await;
    world.ledger.release();
    until_counted::<Invoices>(&cache, Event::FillLost, 1).await;
    assert_eq!(world.raw("invoice:1"), None, "the refresh was lost");
    assert_eq!(read(&cache, 1).await, (Some(8), Tier::Loaded));
}

#[tokio::test]
async fn a_refresh_that_fails_leaves_the_old_value_and_no_lease() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.refresh_ahead_percent = 50).await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    near_its_end(&world);
    world.ledger.fail_next(&[crate::ledger::Fault::Error]);
    until(|| async {
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
        cache.count::<Invoices>(Event::LoadFailed) == 1
    })
    .await;
    let batch = cache.get_many::<Invoices>(&[InvoiceId(1)]).await.unwrap();
    assert_eq!(batch[0].tier, Tier::L2);
    until(|| async { !world.exists(&lease("invoice:1")) }).await;
    assert!(world.exists("invoice:1"), "only the lease was given back");
}
