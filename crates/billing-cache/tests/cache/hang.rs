//! Redis hangs under load: reads wait for it once, then not at all, and nothing that was sent meanwhile does harm
//! later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use billing_cache::{BreakerState, Cache, Event, Tier};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::ledger::{InvoiceId, Invoices, Ledger};
use crate::warnings;
use crate::world::{Options, World, lease, read, reading, seen, until, until_counted};

const READERS: u64 = 32;
const VERSION: u64 = 7;

/// Tasks that read one invoice after another, each its own; a read that fails or is wrong fails its task.
struct Readers {
    stop: watch::Sender<bool>,
    reads: Arc<Vec<AtomicU64>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Readers {
    fn start(world: &World, cache: &Cache<Ledger>) -> Self {
        let stop = watch::Sender::new(false);
        let reads: Arc<Vec<AtomicU64>> = Arc::new((0..READERS).map(|_| AtomicU64::new(0)).collect());
        let start = |(number, id): (usize, i32)| {
            world.ledger.put(id, VERSION);
            let (cache, stop, reads) = (cache.clone(), stop.subscribe(), Arc::clone(&reads));
            tokio::spawn(async move {
                while !*stop.borrow() {
                    assert_eq!(read(&cache, id).await.0, Some(VERSION));
                    reads[number].fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let tasks = (0_usize..).zip(0..i32::try_from(READERS).unwrap()).map(start).collect();
        Self { stop, reads, tasks }
    }

    /// Waits until each has read so often from now on. The first of these reads may have begun before.
    async fn until_each_has_read(&self, times: u64) {
        let before: Vec<u64> = self.reads.iter().map(|reads| reads.load(Ordering::Relaxed)).collect();
        let has_read = |(reads, before): (&AtomicU64, &u64)| reads.load(Ordering::Relaxed) >= before + times;
        until(|| async { self.reads.iter().zip(&before).all(has_read) }).await;
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.expect("no read fails");
        }
    }
}

fn soon_out_of_patience(options: &mut Options) {
    options.redis.command_timeout_ms = 150;
    options.redis.batch_timeout_ms = 150;
}

/// Soon out of patience with single calls, and never with Redis as a whole.
fn without_a_breaker(options: &mut Options) {
    soon_out_of_patience(options);
    options.cache.breaker.min_calls = 1_000;
}

#[tokio::test]
async fn a_redis_that_hangs_under_load_fails_no_read_and_is_asked_no_more_once_the_breaker_is_open() {
    let warnings = warnings::collect();
    let world = World::new();
    let cache = world.cache_with(soon_out_of_patience).await;
    let count = |event| cache.count::<Invoices>(event);
    let readers = Readers::start(&world, &cache);
    readers.until_each_has_read(20).await;
    world.server.pause().unwrap();
    until(|| async { cache.breaker_state() == BreakerState::Open }).await;
    assert_eq!(warnings.containing("% of the calls failed"), 1, "{}", warnings.text());

    // After two reads each, all who had asked Redis before are through.
    readers.until_each_has_read(2).await;
    let (failed, hits, bypasses) = (count(Event::RedisError), count(Event::HitL2), count(Event::Bypass));
    let few = u64::from(world.options().cache.breaker.min_calls);
    assert!(failed <= READERS + few, "{failed} calls failed: one of each reader, and those before the breaker opened");
    readers.until_each_has_read(100).await;
    assert_eq!(count(Event::RedisError), failed, "nobody asks a Redis that is skipped");
    assert_eq!(count(Event::HitL2), hits);
    assert!(count(Event::Bypass) >= bypasses + 99 * READERS);

    world.server.resume().unwrap();
    until(|| async { cache.breaker_state() == BreakerState::Closed && count(Event::HitL2) > hits }).await;
    readers.stop().await;
}

#[tokio::test]
async fn who_has_waited_for_a_redis_that_hangs_does_not_wait_for_it_again_in_a_flight() {
    let world = World::new();
    let cache = world.cache_with(without_a_breaker).await;
    world.ledger.put(1, VERSION);
    world.ledger.hold_next(1);
    world.server.pause().unwrap();
    let first = reading(&cache, 1);
    world.ledger.until_held(1).await;
    // They come too late for the load that is held, so the flight has another leg for them.
    let late: Vec<_> = (0..3).map(|_| reading(&cache, 1)).collect();
    until_counted::<Invoices>(&cache, Event::Coalesced, 3).await;
    world.ledger.release();
    assert_eq!(first.await.unwrap(), (Some(VERSION), Tier::Bypassed));
    for late in late {
        assert_eq!(late.await.unwrap(), (Some(VERSION), Tier::Bypassed));
    }
    assert_eq!(cache.count::<Invoices>(Event::RedisError), 4, "one wait for each of the four");
    assert_eq!(world.ledger.loads(), 2);
}

#[tokio::test]
async fn a_lease_that_is_granted_after_its_reader_gave_up_is_given_back() {
    let world = World::new();
    // Two, because a connection with a command that waits answers no other.
    let (single, batch) = (world.cache_with(without_a_breaker).await, world.cache_with(without_a_breaker).await);
    let other = world.cache().await;
    for id in 1..=3 {
        world.ledger.put(id, VERSION);
    }
    // The server knows the script, or it would grant nothing.
    read(&other, 4).await;
    let calls = || ["evalsha", "eval"].map(|command| world.server.calls(command).unwrap());
    let [acquired, released] = calls();
    world.refuse_writes();
    assert_eq!(read(&single, 1).await, (Some(VERSION), Tier::Bypassed));
    let batch = batch.get_many::<Invoices>(&[InvoiceId(2), InvoiceId(3)]).await.unwrap();
    assert_eq!(batch.iter().map(seen).collect::<Vec<_>>(), [(Some(VERSION), Tier::Bypassed); 2]);
    world.take_writes();
    until(|| async { calls() == [acquired + 3, released + 3] }).await;
    for id in 1..=3 {
        assert!(!world.exists(&lease(&format!("invoice:{id}"))), "granted to nobody, and given back");
        assert_eq!(read(&other, id).await, (Some(VERSION), Tier::Loaded));
    }
    assert_eq!(other.count::<Invoices>(Event::Contended), 0, "nobody waits for a load that nobody makes");
}
