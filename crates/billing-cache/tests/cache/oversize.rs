//! Values that are too large: ours are not stored, and a foreign one that could not be read in time is removed.

use billing_cache::{Event, Tier};

use crate::ledger::{CreditNotes, InvoiceId, Invoices, UserId};
use crate::world::{World, lease, read, seen, until};

/// Larger than what arrives within the limits below; where it does not, it is replaced like any other that does not
/// decode.
const HUGE_BYTES: usize = 32 << 20;

impl World {
    fn store_huge(&self, key: &str) {
        self.server.command::<()>(&["SETRANGE", key, &(HUGE_BYTES - 1).to_string(), "x"]).unwrap();
    }

    /// Whether nothing large stands there any more. A server that is busy with what is large may not say.
    fn has_lost_the_huge(&self, key: &str) -> bool {
        self.server.command::<usize>(&["STRLEN", key]).is_ok_and(|length| length < HUGE_BYTES)
    }
}

#[tokio::test]
async fn a_huge_value_that_cannot_be_read_in_time_is_removed_and_then_replaced() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            (options.redis.command_timeout_ms, options.redis.batch_timeout_ms) = (5, 5_000);
            options.cache.breaker.min_calls = 1_000_000;
        })
        .await;
    world.ledger.put(1, 7);
    world.store_huge("invoice:1");
    until(|| async {
        assert_eq!(read(&cache, 1).await.0, Some(7));
        world.has_lost_the_huge("invoice:1")
    })
    .await;
    until(|| async { read(&cache, 1).await == (Some(7), Tier::L2) }).await;
    assert_eq!(world.raw("invoice:1").as_deref(), Some(r#"{"version":7}"#));
}

#[tokio::test]
async fn a_batch_with_a_huge_value_removes_that_and_leaves_the_others() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            (options.redis.command_timeout_ms, options.redis.batch_timeout_ms) = (5_000, 5);
            options.cache.breaker.min_calls = 1_000_000;
        })
        .await;
    (1..=3).for_each(|id| world.ledger.put(id, 7));
    world.store_huge("invoice:1");
    world.set_raw("invoice:2", r#"{"version":7}"#);
    let keys = [1, 2, 3].map(InvoiceId);
    until(|| async {
        let batch = cache.get_many::<Invoices>(&keys).await.unwrap();
        assert!(batch.iter().all(|cached| seen(cached).0 == Some(7)), "{batch:?}");
        world.has_lost_the_huge("invoice:1")
    })
    .await;
    assert!(world.exists("invoice:2"));
}

/// A server that hangs is not asked for the size of each key of each read.
#[tokio::test]
async fn what_is_slow_and_not_large_is_left_alone_and_asked_for_its_size_once_a_second_at_most() {
    let world = World::new();
    let cache = world
        .cache_with(|options| {
            options.redis.command_timeout_ms = 20;
            options.cache.breaker.min_calls = 1_000_000;
        })
        .await;
    world.ledger.put(1, 7);
    world.set_raw("invoice:1", r#"{"version":7}"#);
    world.server.pause().unwrap();
    let began = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
    }
    world.server.resume().unwrap();
    until(|| async { read(&cache, 1).await.1 == Tier::L2 }).await;
    let asked = world.server.calls("strlen").unwrap();
    assert!(asked <= 1 + began.elapsed().as_secs(), "{asked}");
    assert!(world.exists("invoice:1"));
}

#[tokio::test]
async fn a_value_of_ours_that_is_too_large_is_answered_counted_and_not_stored() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.max_value_bytes = 1_024).await;
    let long = "x".repeat(2_000);
    world.ledger.put_notes(1, &[&long]);
    world.ledger.put_notes(2, &["short"]);
    for _ in 0..2 {
        let read = cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
        assert_eq!((read.tier, read.value.unwrap()[0].len()), (Tier::Loaded, 2_000));
    }
    let batch = cache.get_many::<CreditNotes>(&[UserId(1), UserId(2)]).await.unwrap();
    assert!(batch.iter().all(|read| read.tier == Tier::Loaded));
    assert_eq!(cache.count::<CreditNotes>(Event::FillLost), 3);
    let key = "user_credit_notes:1";
    assert!(!world.exists(key) && !world.exists(&lease(key)) && world.exists("user_credit_notes:2"));
}

#[tokio::test]
async fn a_warm_up_names_the_first_value_that_is_too_large_and_stores_the_others() {
    let world = World::new();
    let cache = world.cache_with(|options| options.cache.max_value_bytes = 1_024).await;
    world.ledger.put_notes(1, &["short"]);
    [2, 3].into_iter().for_each(|user| world.ledger.put_notes(user, &[&"x".repeat(2_000)]));
    let warmed = cache.warm_up::<CreditNotes>(&[1, 2, 3].map(UserId), &mut |_| {}).await.unwrap();
    assert_eq!((warmed.stored, warmed.not_stored, warmed.failed), (1, 2, 0));
    let named = warmed.first_refusal.unwrap();
    assert!(named.starts_with("user_credit_notes:2: its 2004 bytes are more than cache.max_value_bytes"), "{named}");
    assert!(world.exists("user_credit_notes:1") && !world.exists("user_credit_notes:2"));
    assert!((1..=3).all(|user| !world.exists(&lease(&format!("user_credit_notes:{user}")))));
}
