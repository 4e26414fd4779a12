//! Two databases on one Redis by mistake: one of them is read through the cache, and nobody answers with the other's
//! rows.

use billing_cache::{Cache, Tier};

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::warnings;
use crate::world::{World, invalidate, read, seen, until};

const MARK: &str = "billing_cache:{database}:mark";

impl World {
    /// A service of the database of this name, which has version `version` of invoice 1.
    async fn service_of(&self, name: &str, version: u64) -> Cache<Ledger> {
        let ledger = Ledger::new();
        ledger.put(1, version);
        crate::world::open_marked(&ledger, &self.options(), name).await
    }
}

#[tokio::test]
async fn who_finds_the_living_mark_of_another_database_neither_reads_nor_fills_and_still_invalidates() {
    let warnings = warnings::collect();
    let world = World::new();
    let one = world.service_of("one", 1).await;
    assert_eq!(read(&one, 1).await, (Some(1), Tier::Loaded));
    assert_eq!(read(&one, 1).await, (Some(1), Tier::L2));
    let other = world.service_of("other", 2).await;
    assert_eq!((one.other_source(), other.other_source().as_deref()), (None, Some("one")));
    assert!(one.uses_redis() && !other.uses_redis());
    assert_eq!(read(&other, 1).await, (Some(2), Tier::Bypassed));
    let batch = other.get_many::<Invoices>(&[1, 2].map(InvoiceId)).await.unwrap();
    assert!(batch.iter().all(|cached| cached.tier == Tier::Bypassed));
    assert_eq!(seen(&batch[0]).0, Some(2));
    assert_eq!((read(&one, 1).await, world.exists("invoice:2")), ((Some(1), Tier::L2), false));
    assert!(invalidate(&other, &[1]).await.is_done());
    assert!(!world.exists("invoice:1"));
    assert_eq!(warnings.containing("another database uses these keys"), 1, "{}", warnings.text());
    let ttl: i64 = world.server.command(&["TTL", MARK]).unwrap();
    assert!((1..=60).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn when_the_mark_of_the_other_database_has_gone_what_it_left_is_cleared_before_anything_is_read() {
    let world = World::new();
    let one = world.service_of("one", 1).await;
    read(&one, 1).await;
    let other = world.service_of("other", 2).await;
    drop(one);
    // As after a minute.
    world.server.command::<()>(&["DEL", MARK]).unwrap();
    until(|| async {
        assert_eq!(read(&other, 1).await.0, Some(2));
        other.uses_redis()
    })
    .await;
    assert_eq!(other.other_source(), None);
    until(|| async { read(&other, 1).await == (Some(2), Tier::L2) }).await;
}

#[tokio::test]
async fn a_service_of_the_same_database_finds_the_values_of_those_before() {
    let world = World::new();
    let first = world.service_of("one", 1).await;
    read(&first, 1).await;
    drop(first);
    let next = world.service_of("one", 1).await;
    assert_eq!(read(&next, 1).await, (Some(1), Tier::L2));
}
