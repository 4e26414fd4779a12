//! Rule C: an answer covers only those who joined before the command that yielded it was sent.
//!
//! Each test brings a second reader into a flight after a write was acknowledged elsewhere; the reader must not get the
//! answer that the first one may still have. `flight.rs` tests the rule by itself, `stress.rs` looks for orders of
//! events that nobody thought of.
//!
//! On one connection replies come in order, and a flight mostly ends before its latecomers have looked into Redis.
//! Where a reply must be late, the first reader's connection is held back and given up, and the second reader is on the
//! next.

use billing_cache::{Cache, Event, Tier};
use tokio::task::JoinHandle;

use crate::ledger::{Fault, InvoiceId, Invoices, Ledger};
use crate::proxy::Proxy;
use crate::world::{World, read, reading, until, until_counted};

/// A second reader who is in the flight of the first one when this returns.
async fn joining(cache: &Cache<Ledger>, id: i32) -> JoinHandle<(Option<u64>, Tier)> {
    let coalesced = cache.count::<Invoices>(Event::Coalesced);
    let reader = reading(cache, id);
    until_counted::<Invoices>(cache, Event::Coalesced, coalesced + 1).await;
    reader
}

/// A cache behind the proxy that gives a connection up after three batches without an answer, but waits long for the
/// answer to a single command.
async fn cache_behind(world: &World, proxy: &Proxy) -> Cache<Ledger> {
    world
        .cache_with(|options| {
            options.redis.port = proxy.port();
            options.redis.command_timeout_ms = 3_600_000;
            options.redis.batch_timeout_ms = 100;
        })
        .await
}

/// Makes the cache dial anew, while what it asked on its connection stays unanswered there.
async fn redial(cache: &Cache<Ledger>) {
    until(|| async { cache.warm_up::<Invoices>(&[InvoiceId(99)], &mut |_| {}).await.is_ok() }).await;
}

#[tokio::test]
async fn who_joins_after_a_fill_was_sent_and_a_write_acknowledged_does_not_get_what_was_filled() {
    let world = World::new();
    let proxy = Proxy::to(world.server.port()).await;
    let (reader, writer) = (cache_behind(&world, &proxy).await, world.cache().await);
    // The server knows the scripts, so that each is sent once.
    read(&writer, 99).await;
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&reader, 1);
    world.ledger.until_held(1).await;
    proxy.hold_replies();
    world.ledger.release();
    until(|| async { world.exists("invoice:1") }).await;
    world.write(&writer, 1, 2).await;
    redial(&reader).await;
    let late = joining(&reader, 1).await;
    proxy.release_replies();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::Loaded), "it was stored, and the reader began before the write");
    assert_eq!(late.await.unwrap(), (Some(2), Tier::Loaded));
}

#[tokio::test]
async fn who_joins_after_a_lease_was_asked_for_and_a_write_acknowledged_does_not_get_the_value_found() {
    let world = World::new();
    let proxy = Proxy::to(world.server.port()).await;
    let (reader, writer) = (cache_behind(&world, &proxy).await, world.cache().await);
    // The server knows the scripts, so that each is sent once.
    read(&writer, 99).await;
    let acquired = world.server.calls("evalsha").unwrap();
    // Another process fills between the reader's look and its asking for the lease: both wait, in this order.
    world.refuse_writes();
    let mut connection = world.server.connection().unwrap();
    let fill = std::thread::spawn(move || {
        redis::cmd("SET").arg("invoice:1").arg(r#"{"version":1}"#).query::<()>(&mut connection)
    });
    let waits = |command: &str| world.server.command::<String>(&["CLIENT", "LIST"]).unwrap().contains(command);
    until(|| async { waits("cmd=set") }).await;
    let early = reading(&reader, 1);
    until(|| async { waits("cmd=evalsha") }).await;
    proxy.hold_replies();
    world.take_writes();
    fill.join().unwrap().unwrap();
    until(|| async { world.server.calls("evalsha").unwrap() == acquired + 1 }).await;
    world.write(&writer, 1, 2).await;
    redial(&reader).await;
    let late = joining(&reader, 1).await;
    proxy.release_replies();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::L2));
    assert_eq!(late.await.unwrap(), (Some(2), Tier::Loaded));
}

#[tokio::test]
async fn who_joins_a_bypass_after_an_acknowledged_write_does_not_get_the_older_value() {
    let world = World::new();
    let reader = world.cache_with(|options| options.cache.patience_ms = 50).await;
    let writer = world.cache().await;
    world.ledger.put(1, 1);
    world.hold_lease("invoice:1");
    world.ledger.hold_next(1);
    let early = reading(&reader, 1);
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    let late = joining(&reader, 1).await;
    world.ledger.release();
    assert_eq!(early.await.unwrap(), (Some(1), Tier::Bypassed), "who began before the write may have the older value");
    assert_eq!(late.await.unwrap(), (Some(2), Tier::Loaded));
    assert_eq!(read(&reader, 1).await, (Some(2), Tier::L2));
}

#[tokio::test]
async fn who_joins_a_load_after_an_acknowledged_write_does_not_get_what_its_lost_fill_answers() {
    let world = World::new();
    let (reader, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.hold_next(3);
    let early = reading(&reader, 1);
    // As often as a lost fill is tried again; the third load answers.
    for load in 1..=2 {
        world.ledger.until_held(load).await;
        world.write(&writer, 1, load as u64 + 1).await;
        world.ledger.release();
    }
    world.ledger.until_held(3).await;
    world.write(&writer, 1, 4).await;
    let late = joining(&reader, 1).await;
    world.ledger.release();
    assert_eq!(early.await.unwrap(), (Some(3), Tier::Loaded), "the last load that covers the first reader");
    assert_eq!(late.await.unwrap(), (Some(4), Tier::Loaded));
    assert_eq!(reader.count::<Invoices>(Event::FillLost), 3);
}

#[tokio::test]
async fn who_joins_a_load_that_fails_looks_again() {
    let world = World::new();
    let (reader, writer) = (world.cache().await, world.cache().await);
    world.ledger.put(1, 1);
    world.ledger.fail_next(&[Fault::Error]);
    world.ledger.hold_next(1);
    let cache = reader.clone();
    let early = tokio::spawn(async move { cache.get::<Invoices>(&InvoiceId(1)).await });
    world.ledger.until_held(1).await;
    world.write(&writer, 1, 2).await;
    let late = joining(&reader, 1).await;
    world.ledger.release();
    assert!(early.await.unwrap().is_err());
    assert_eq!(late.await.unwrap(), (Some(2), Tier::Loaded));
}

#[tokio::test]
async fn who_joins_while_a_load_goes_on_shares_its_fill_if_there_was_no_write() {
    let world = World::new();
    let reader = world.cache().await;
    world.ledger.put(1, 1);
    world.ledger.hold_next(1);
    let early = reading(&reader, 1);
    world.ledger.until_held(1).await;
    let late = joining(&reader, 1).await;
    world.ledger.release();
    assert_eq!((early.await.unwrap(), late.await.unwrap()), ((Some(1), Tier::Loaded), (Some(1), Tier::Loaded)));
    assert_eq!(world.ledger.loads(), 1);
}
