//! What the read path times: each read past L1 under what answered it, each load of one key, and the age of what is
//! served.

use billing_cache::{Cache, Distribution, Event, Tier};

use crate::ledger::{Fault, InvoiceId, Invoices, Ledger};
use crate::memory::until_in_l1;
use crate::world::{World, read, until};

fn recorded(cache: &Cache<Ledger>, distribution: Distribution) -> u64 {
    cache.own_numbers().histogram("invoices", distribution).len()
}

#[tokio::test]
async fn each_read_past_l1_is_timed_under_its_tier() {
    let world = World::new();
    let cache = world.cache().await;
    for _ in 0..3 {
        read(&cache, 1).await;
        read(&cache, 2).await;
    }
    let times = [Distribution::HitL2Time, Distribution::MissTime, Distribution::BypassTime, Distribution::LoadTime];
    assert_eq!(times.map(|time| recorded(&cache, time)), [4, 2, 0, 2]);
    cache.get_many::<Invoices>(&[InvoiceId(1), InvoiceId(3), InvoiceId(4)]).await.unwrap();
    assert_eq!(times.map(|time| recorded(&cache, time)), [4, 2, 0, 2], "a read of many is not timed key by key");
    world.server.kill().unwrap();
    until(|| async { read(&cache, 1).await.1 == Tier::Bypassed }).await;
    assert_eq!(recorded(&cache, Distribution::BypassTime), cache.count::<Invoices>(Event::Bypass));
    let numbers = cache.own_numbers();
    let hits = numbers.histogram("invoices", Distribution::HitL2Time);
    assert!(hits.min() > 1_000, "in nanoseconds: a round trip takes more than one microsecond, {}", hits.min());
}

#[tokio::test]
async fn a_read_that_fails_is_not_timed() {
    let world = World::new();
    let cache = world.cache().await;
    world.ledger.fail_next(&[Fault::Error]);
    cache.get::<Invoices>(&InvoiceId(1)).await.unwrap_err();
    assert_eq!([Distribution::MissTime, Distribution::LoadTime].map(|time| recorded(&cache, time)), [0, 0]);
}

#[tokio::test]
async fn the_age_of_what_is_served_is_what_of_its_time_to_live_has_passed() {
    let world = World::new();
    let cache = world.l1_cache().await;
    world.ledger.put(1, 7);
    world.server.command::<()>(&["SET", "invoice:1", r#"{"version":7}"#, "PX", "100000"]).unwrap();
    until_in_l1(&cache, 1, 7).await;
    let ages = cache.own_numbers().histogram("invoices", Distribution::AgeAtServe);
    assert!(!ages.is_empty());
    let (youngest, of_three_minutes) = (ages.min(), 200_000_000_000_u64);
    assert!(youngest.abs_diff(of_three_minutes) < of_three_minutes / 10, "300 s to live, 100 s left: {youngest}");
}
