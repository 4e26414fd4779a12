//! A lease under which nothing is filled is given back, and nothing else: neither a value nor the lease of another.

use billing_cache::Cache;

use crate::ledger::{Fault, InvoiceId, Invoices, Ledger};
use crate::world::{World, lease, until};

/// The ways to ask for the leases of a batch, and of one key.
#[derive(Clone, Copy, Debug)]
enum Way {
    Get,
    GetMany,
    WarmUp,
    Renew,
}

const WAYS: [Way; 4] = [Way::Get, Way::GetMany, Way::WarmUp, Way::Renew];

async fn fails(cache: Cache<Ledger>, way: Way, id: InvoiceId) -> bool {
    match way {
        Way::Get => cache.get::<Invoices>(&id).await.is_err(),
        Way::GetMany => cache.get_many::<Invoices>(&[id]).await.is_err(),
        Way::WarmUp => cache.warm_up::<Invoices>(&[id], &mut |_| {}).await.is_err(),
        Way::Renew => cache.renew::<Invoices>(&[id], &mut |_| {}).await.is_err(),
    }
}

#[tokio::test]
async fn a_load_that_fails_gives_its_lease_back_at_once() {
    let world = World::new();
    let cache = world.cache().await;
    for way in WAYS {
        world.ledger.fail_next(&[Fault::Error]);
        assert!(fails(cache.clone(), way, InvoiceId(1)).await);
        assert!(!world.exists(&lease("invoice:1")), "{way:?}");
    }
}

#[tokio::test]
async fn a_load_that_fails_leaves_the_lease_that_another_process_took_meanwhile() {
    let world = World::new();
    let cache = world.cache().await;
    for (way, id) in WAYS.into_iter().zip(1..) {
        let name = lease(&format!("invoice:{id}"));
        world.ledger.fail_next(&[Fault::Error]);
        world.ledger.hold_next(1);
        let failing = tokio::spawn(fails(cache.clone(), way, InvoiceId(id)));
        until(|| async { world.exists(&name) }).await;
        // The first lease has ended, and another process loads.
        world.hold_lease(&format!("invoice:{id}"));
        world.ledger.release();
        assert!(failing.await.unwrap());
        assert!(world.exists(&name), "{way:?}");
    }
}

/// It may be the value of another release, which reads it well.
#[tokio::test]
async fn a_value_that_does_not_decode_stays_where_no_other_can_be_loaded() {
    let world = World::new();
    let cache = world.cache().await;
    world.set_raw("invoice:1", "no JSON");
    for way in [Way::Get, Way::GetMany] {
        world.ledger.fail_next(&[Fault::Error]);
        assert!(fails(cache.clone(), way, InvoiceId(1)).await);
        assert_eq!(world.raw("invoice:1").as_deref(), Some("no JSON"), "{way:?}");
        assert!(!world.exists(&lease("invoice:1")), "{way:?}");
    }
}
