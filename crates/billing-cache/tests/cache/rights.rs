//! A Redis user who may not do everything: what is refused is read past the cache, and says nothing about the rest.

use billing_cache::{BreakerState, Event, RedisSettings, Tier};

use crate::ledger::{CreditNotes, InvoiceId, Invoices, UserId};
use crate::warnings;
use crate::world::{World, read, seen, until};

/// All commands; keys of credit notes alone.
const NOTES_ONLY: &[&str] = &["+@all", "~user_credit_notes:*", "~lease:{user_credit_notes:*}", "~billing_cache:*"];

impl World {
    fn make_user(&self, rules: &[&str]) {
        let user = [&["ACL", "SETUSER", "billing", "reset", "on", ">sesame"], rules].concat();
        self.server.command::<()>(&user).unwrap();
    }
}

fn as_user(redis: &mut RedisSettings) {
    redis.username = "billing".into();
    redis.password = "sesame".into();
}

/// As after a new type was deployed before its rule.
#[tokio::test]
async fn keys_that_the_user_may_not_touch_are_read_past_the_cache_and_all_others_through_it() {
    let world = World::new();
    world.make_user(NOTES_ONLY);
    let warnings = warnings::collect();
    let cache = world.cache_with(|options| as_user(&mut options.redis)).await;
    world.ledger.put(1, 7);
    world.ledger.put_notes(3, &["goodwill"]);
    for _ in 0..30 {
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
        let batch = cache.get_many::<Invoices>(&[1, 1].map(InvoiceId)).await.unwrap();
        assert_eq!(seen(&batch[0]), (Some(7), Tier::Bypassed));
    }
    assert_eq!(cache.breaker_state(), BreakerState::Closed);
    for tier in [Tier::Loaded, Tier::L2] {
        assert_eq!(cache.get::<CreditNotes>(&UserId(3)).await.unwrap().tier, tier);
    }
    assert!(cache.count::<Invoices>(Event::RedisError) >= 60);
    assert_eq!(warnings.containing("lacks a right"), 1, "said once: {}", warnings.text());
    assert_eq!(warnings.containing("cache_type=\"invoices\""), 1, "and of which type: {}", warnings.text());
}

/// Nothing is loaded by `SCRIPT LOAD`: managed servers do not know it, or do not let one.
#[tokio::test]
async fn a_user_without_script_fills_reads_and_invalidates() {
    let world = World::new();
    world.make_user(&["+@all", "-script", "~*"]);
    let cache = world.cache_with(|options| as_user(&mut options.redis)).await;
    for id in 1..=20 {
        world.ledger.put(id, 7);
    }
    for tier in [Tier::Loaded, Tier::L2] {
        assert_eq!(read(&cache, 1).await, (Some(7), tier));
    }
    world.write(&cache, 1, 8).await;
    assert_eq!(read(&cache, 1).await, (Some(8), Tier::Loaded));
    world.server.connection().map(|mut redis| redis::cmd("SCRIPT").arg("FLUSH").exec(&mut redis)).unwrap().unwrap();
    let keys: Vec<_> = (2..=20).map(InvoiceId).collect();
    for tier in [Tier::Loaded, Tier::L2] {
        let batch = cache.get_many::<Invoices>(&keys).await.unwrap();
        assert!(batch.iter().all(|cached| seen(cached) == (Some(7), tier)), "{batch:?}");
    }
    assert_eq!(cache.count::<Invoices>(Event::RedisError), 0);
    assert_eq!(world.ledger.loaded_keys(), 21);
}

/// Each pipeline of a batch has the text of its script once, at most.
#[tokio::test]
async fn a_script_that_the_server_does_not_know_is_sent_with_its_text_once_a_batch() {
    let world = World::new();
    let cache = world.cache().await;
    let keys: Vec<_> = (1..=50).map(InvoiceId).collect();
    keys.iter().for_each(|id| world.ledger.put(id.0, 7));
    let texts = world.server.calls("eval").unwrap();
    let batch = cache.get_many::<Invoices>(&keys).await.unwrap();
    assert!(batch.iter().all(|cached| cached.tier == Tier::Loaded));
    assert_eq!(world.server.calls("eval").unwrap() - texts, 2, "ACQUIRE and FILL");
    until(|| async { world.server.command::<u64>(&["DBSIZE"]).unwrap() == 50 }).await;
}
