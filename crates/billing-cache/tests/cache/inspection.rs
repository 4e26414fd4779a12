//! Looking at keys from outside: what is shown is what stands there, and looking changes nothing.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use billing_cache::{Cache, Pace, Standing, TypeInfo};

use crate::ledger::{CreditNotes, InvoiceId, Invoices, Ledger, UserId};
use crate::world::{World, read};

const FOREIGN: [&str; 5] = ["invoices:1", "invoice:x", "lease:{invoice:1}", "session:1", "m:invoice:1"];

/// The keys that a walk gives, and in how many steps.
async fn walked(cache: &Cache<Ledger>, types: &[TypeInfo], pace: Pace) -> (BTreeSet<String>, usize) {
    let mut walk = cache.walk(types, pace).await.unwrap();
    let (mut keys, mut steps) = (BTreeSet::new(), 0);
    while let Some(step) = walk.step().await.unwrap() {
        keys.extend(step.keys.iter().map(|key| format!("{} {key}", key.cache_type())));
        steps += 1;
    }
    (keys, steps)
}

#[tokio::test]
async fn a_walk_gives_the_keys_of_its_types_and_no_others() {
    let world = World::new();
    let cache = world.cache().await;
    for id in 1..=3 {
        read(&cache, id).await;
    }
    cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
    FOREIGN.iter().for_each(|name| world.set_raw(name, "not ours"));
    let all: Vec<TypeInfo> = cache.types().copied().collect();
    let invoices = ["invoices invoice:1", "invoices invoice:2", "invoices invoice:3"];
    let (found, _) = walked(&cache, &all, Pace::unlimited()).await;
    let expected = invoices.into_iter().chain(["user_credit_notes user_credit_notes:1"]);
    assert_eq!(found, expected.map(str::to_owned).collect());
    let (found, _) = walked(&cache, &[TypeInfo::of::<Invoices>()], Pace::unlimited()).await;
    assert_eq!(found, invoices.map(str::to_owned).into());
}

#[tokio::test]
async fn a_slow_walk_takes_small_steps() {
    let world = World::new();
    let cache = world.cache().await;
    (0..300).for_each(|id| world.set_raw(&format!("invoice:{id}"), "null"));
    let all: Vec<TypeInfo> = cache.types().copied().collect();
    let (fast, few) = walked(&cache, &all, Pace::unlimited()).await;
    let (slow, many) = walked(&cache, &all, Pace::keys_per_second(NonZeroU32::new(500).unwrap())).await;
    assert_eq!((fast.len(), slow.len()), (300, 300));
    assert!(many > few, "{many} and {few} steps");
}

#[tokio::test]
async fn what_stands_under_a_key_is_shown_as_it_is() {
    let world = World::new();
    let cache = world.cache().await;
    read(&cache, 1).await;
    world.set_raw("invoice:2", "rubbish");
    let _: u64 = world.server.command(&["LPUSH", "invoice:3", "a list"]).unwrap();
    let keys: Vec<_> = (1..=4).map(|id| cache.any_key::<Invoices>(&InvoiceId(id))).collect();
    let cached: String = world.server.command(&["GET", "invoice:1"]).unwrap();
    let expected = [
        Standing::Value(cached.into_bytes()),
        Standing::Value(b"rubbish".to_vec()),
        Standing::NotAString,
        Standing::Absent,
    ];
    assert_eq!(cache.standing(&keys).await.unwrap(), expected);
    assert_eq!(cache.standing(&[]).await.unwrap(), []);
    for (key, expected) in keys.iter().zip(expected) {
        assert_eq!(cache.inspect(key).await.unwrap().standing, expected);
    }
}

#[tokio::test]
async fn the_life_of_a_value_and_its_lease_are_shown() {
    let world = World::new();
    let cache = world.cache().await;
    read(&cache, 1).await;
    world.hold_lease("invoice:2");
    world.set_raw("invoice:3", "null");
    let _: u64 = world.server.command(&["PERSIST", "invoice:3"]).unwrap();
    let state = |id| {
        let (cache, key) = (cache.clone(), cache.any_key::<Invoices>(&InvoiceId(id)));
        async move { cache.inspect(&key).await.unwrap() }
    };
    let filled = state(1).await;
    assert!(filled.ttl_ms > Some(0) && filled.memory_bytes > Some(0) && filled.lease_ms.is_none(), "{filled:?}");
    let awaited = state(2).await;
    assert!(awaited.lease_ms > Some(0) && awaited.ttl_ms.is_none() && awaited.memory_bytes.is_none(), "{awaited:?}");
    assert_eq!(state(3).await.ttl_ms, None, "it never expires");
}

#[tokio::test]
async fn a_key_is_known_by_its_text() {
    let world = World::new();
    let cache = world.cache().await;
    let key = cache.key_of_text("invoice:42").unwrap();
    assert_eq!((key.cache_type(), key.as_str()), ("invoices", "invoice:42"));
    assert_eq!(cache.typed_key::<Invoices>(&key), Some(InvoiceId(42)));
    assert_eq!(cache.typed_key::<CreditNotes>(&key), None);
    assert!(FOREIGN.iter().all(|text| cache.key_of_text(text).is_none()));
}
