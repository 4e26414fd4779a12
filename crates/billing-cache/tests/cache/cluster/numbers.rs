//! The numbers of all processes stand in one slot: when that goes to another master, nothing is lost and nothing added
//! twice.

use std::time::{Duration, SystemTime};

use billing_cache::{Cache, Event, Resolution};
use test_support::RedisServer;

use super::Clustered;
use crate::ledger::Ledger;
use crate::world::until;

const SOME: &str = "billing_cache:{numbers}:";

/// What all processes counted in the last minutes.
async fn counted(cache: &Cache<Ledger>) -> u64 {
    let now = SystemTime::now();
    let buckets = cache.history(Resolution::Minute, now - Duration::from_secs(1_200), now).await.unwrap();
    buckets.iter().map(|bucket| bucket.numbers.count("invoices", Event::AuditRight)).sum()
}

impl Clustered {
    fn slot_of_numbers(&self) -> u16 {
        self.cluster.slot_of(SOME).unwrap()
    }

    fn another_for_numbers(&self) -> &RedisServer {
        let owner = self.cluster.owner_of(SOME).unwrap().port();
        self.cluster.masters().unwrap().into_iter().find(|master| master.port() != owner).unwrap()
    }
}

#[tokio::test]
async fn what_could_not_be_added_because_the_slot_has_moved_is_added_once() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache_of_user().await;
    cache.count_many("invoices", Event::AuditRight, 3);
    cache.flush_counters().await;
    clustered.refuse_to_tell_slots();
    clustered.cluster.move_slot(clustered.slot_of_numbers(), clustered.another_for_numbers()).unwrap();
    for _ in 0..3 {
        cache.count_many("invoices", Event::AuditRight, 2);
        cache.flush_counters().await;
    }
    let tool = clustered.cache().await;
    assert_eq!(counted(&tool).await, 3, "the old master has nothing to add to");
    clustered.tell_slots();
    until(|| async {
        cache.flush_counters().await;
        counted(&tool).await == 9
    })
    .await;
    cache.flush_counters().await;
    assert_eq!(counted(&tool).await, 9);
}

#[tokio::test]
async fn what_is_added_in_the_middle_of_a_move_is_added_once() {
    let clustered = Clustered::of_masters();
    let cache = clustered.cache().await;
    cache.count_many("invoices", Event::AuditRight, 3);
    cache.flush_counters().await;
    let half_way = clustered.cluster.begin_move(clustered.slot_of_numbers(), clustered.another_for_numbers()).unwrap();
    for _ in 0..5 {
        half_way.move_keys(1).unwrap();
        cache.count_many("invoices", Event::AuditRight, 2);
        cache.flush_counters().await;
    }
    half_way.finish().unwrap();
    let tool = clustered.cache().await;
    until(|| async {
        cache.flush_counters().await;
        counted(&tool).await == 13
    })
    .await;
    cache.flush_counters().await;
    assert_eq!(counted(&tool).await, 13);
}
