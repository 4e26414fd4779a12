//! A key whose value the loader cannot make fails alone: no other key of its batch, and nothing of it is kept.

use billing_cache::{Event, ReadError, Tier, WarmedUp};

use crate::ledger::{InvoiceId, Invoices};
use crate::world::{World, lease, read, seen};

#[tokio::test]
async fn it_fails_alone_and_is_neither_cached_nor_absent() {
    let world = World::new();
    let cache = world.cache().await;
    (1..=3).for_each(|id| world.ledger.put(id, 10));
    world.ledger.spoil(2);
    let ids = [1, 2, 3, 4].map(InvoiceId);
    for tier in [Tier::Loaded, Tier::L2] {
        let answers = cache.get_each::<Invoices>(&ids).await.unwrap();
        assert_eq!(seen(answers[0].as_ref().unwrap()), (Some(10), tier));
        assert!(matches!(answers[1], Err(ReadError::Load { .. })), "{:?}", answers[1]);
        assert_eq!(seen(answers[2].as_ref().unwrap()), (Some(10), tier));
        assert_eq!(seen(answers[3].as_ref().unwrap()), (None, tier));
    }
    assert!(cache.get::<Invoices>(&InvoiceId(2)).await.is_err());
    assert!(cache.get_many::<Invoices>(&ids).await.is_err());
    assert_eq!(cache.count::<Invoices>(Event::LoadFailed), 4, "once for each read of it");
    assert_eq!(world.raw("invoice:2"), None);
    assert_eq!(world.raw(&lease("invoice:2")), None, "nobody waits for a value that does not come");

    world.ledger.mend(2);
    assert_eq!(seen(&cache.get::<Invoices>(&InvoiceId(2)).await.unwrap()), (Some(10), Tier::Loaded));
}

#[tokio::test]
async fn a_warm_up_goes_on_and_names_the_first() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.batch_size = 10).await;
    (1..=50).for_each(|id| world.ledger.put(id, 1));
    [7, 33].into_iter().for_each(|id| world.ledger.spoil(id));
    let keys: Vec<InvoiceId> = (1..=50).map(InvoiceId).collect();
    let mut heard = WarmedUp::default();
    let warmed = cache.warm_up::<Invoices>(&keys, &mut |batch| heard += batch).await.unwrap();
    assert_eq!((warmed.stored, warmed.failed, warmed.not_stored), (48, 2, 0));
    assert_eq!(heard, warmed);
    assert_eq!(warmed.first_failure.as_deref(), Some("invoice:7: load invoices: the ledger is closed"));
}

#[tokio::test]
async fn a_renewal_leaves_the_old_value_where_a_new_one_cannot_be_made() {
    let world = World::new();
    let cache = world.cache().await;
    (1..=2).for_each(|id| world.ledger.put(id, 1));
    for id in [1, 2] {
        read(&cache, id).await;
    }
    world.ledger.spoil(1);
    world.ledger.put(2, 2);
    let renewed = cache.renew::<Invoices>(&[1, 2].map(InvoiceId), &mut |_| ()).await.unwrap();
    assert_eq!((renewed.stored, renewed.failed), (1, 1));
    assert_eq!(read(&cache, 1).await, (Some(1), Tier::L2));
    assert_eq!(read(&cache, 2).await, (Some(2), Tier::L2));
}
