//! Renewal: a warm-up's way to give values a new life, under leases, so that no write is ever undone and nobody waits.

use std::time::Duration;

use billing_cache::{Cache, Tier, WarmedUp};

use crate::ledger::{Fault, InvoiceId, Invoices, Ledger};
use crate::world::{World, invalidate, read};

async fn renew(cache: &Cache<Ledger>, ids: &[i32]) -> WarmedUp {
    let keys: Vec<_> = ids.iter().copied().map(InvoiceId).collect();
    cache.renew::<Invoices>(&keys, &mut |_| {}).await.unwrap()
}

fn ends_soon(world: &World, key: &str) {
    assert!(world.server.command::<bool>(&["PEXPIRE", key, "20000"]).unwrap());
}

#[tokio::test]
async fn a_renewed_value_lives_anew_and_is_served_meanwhile() {
    let world = World::new();
    let (tool, service) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 7);
    read(&service, 1).await;
    ends_soon(&world, "invoice:1");
    world.ledger.hold_next(1);
    let renewing = tokio::spawn({
        let tool = tool.clone();
        async move { renew(&tool, &[1, 2]).await }
    });
    world.ledger.until_held(1).await;
    assert_eq!(read(&service, 1).await, (Some(7), Tier::L2));
    world.ledger.release();
    assert_eq!(renewing.await.unwrap(), WarmedUp { stored: 2, skipped: 0, not_stored: 0, ..WarmedUp::default() });
    let texts = ["invoice:1", "invoice:2", "invoice:3"].map(str::to_owned);
    let lives = tool.times_to_live(&texts).await.unwrap();
    let long = |life: Option<Duration>| life.is_some_and(|life| life > Duration::from_secs(60));
    assert_eq!(lives.into_iter().map(long).collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test]
async fn a_renewal_that_began_before_a_write_does_not_undo_it() {
    let world = World::new();
    let (tool, service) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 7);
    read(&service, 1).await;
    world.ledger.hold_next(1);
    let renewing = tokio::spawn({
        let tool = tool.clone();
        async move { renew(&tool, &[1]).await }
    });
    world.ledger.until_held(1).await;
    world.ledger.put(1, 8);
    let _ = invalidate(&service, &[1]).await;
    world.ledger.release();
    assert_eq!(renewing.await.unwrap(), WarmedUp { stored: 0, skipped: 0, not_stored: 1, ..WarmedUp::default() });
    assert_eq!(world.raw("invoice:1"), None);
    assert_eq!(read(&service, 1).await, (Some(8), Tier::Loaded));
}

#[tokio::test]
async fn a_reader_who_finds_the_value_gone_takes_the_lease_over() {
    let world = World::new();
    let (tool, service) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 7);
    read(&service, 1).await;
    world.ledger.hold_next(1);
    let renewing = tokio::spawn({
        let tool = tool.clone();
        async move { renew(&tool, &[1]).await }
    });
    world.ledger.until_held(1).await;
    world.server.command::<()>(&["DEL", "invoice:1"]).unwrap();
    assert_eq!(read(&service, 1).await, (Some(7), Tier::Loaded), "while the renewal is still being loaded");
    world.ledger.release();
    assert_eq!(renewing.await.unwrap(), WarmedUp { stored: 0, skipped: 0, not_stored: 1, ..WarmedUp::default() });
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_old_values() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.put(1, 7);
    read(&cache, 1).await;
    world.ledger.fail_next(&[Fault::Error]);
    assert!(cache.renew::<Invoices>(&[InvoiceId(1)], &mut |_| {}).await.is_err());
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::L2));
}
