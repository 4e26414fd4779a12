//! Where somebody replays, a master is read from only after it was admitted, each by itself.

use billing_cache::{Cache, CacheBuilder, Primary, Tier};
use test_support::RedisServer;

use super::{Clustered, has_value, slot_of};
use crate::ledger::{Invoices, Ledger};
use crate::world::{invalidate, read, until};

impl Clustered {
    async fn replaying_cache(&self) -> Cache<Ledger> {
        let mut options = self.world.options();
        self.point(&mut options);
        let builder = CacheBuilder::new(self.world.ledger.clone(), options.cache).with::<Invoices>();
        builder.admit_after_replay().open(&options.redis).await.unwrap()
    }
}

/// The primary that is this server.
async fn primary_of(cache: &Cache<Ledger>, server: &RedisServer) -> Option<Primary> {
    let run_id = server.info("server").unwrap()["run_id"].clone();
    let is_it = |primary: &&Primary| primary.history.as_ref().is_some_and(|it| it.as_str().starts_with(&run_id));
    cache.primaries().await.ok()?.iter().find(is_it).cloned()
}

#[tokio::test]
async fn each_master_is_read_from_when_it_has_been_admitted() {
    let clustered = Clustered::of_masters();
    let cache = clustered.replaying_cache().await;
    let ids = clustered.one_for_each_master();
    ids.iter().for_each(|id| clustered.world.ledger.put(*id, 1));
    for admitted in 0..ids.len() {
        for (place, id) in ids.iter().enumerate() {
            let expected = if place < admitted { Tier::L2 } else { Tier::Bypassed };
            assert_eq!(read(&cache, *id).await, (Some(1), expected));
        }
        assert!(invalidate(&cache, &[ids[admitted]]).await.is_done(), "it is told all the same");
        cache.admit(primary_of(&cache, clustered.owner(ids[admitted])).await.unwrap().connection);
        assert_eq!(read(&cache, ids[admitted]).await, (Some(1), Tier::Loaded));
    }
    assert!(cache.uses_redis());
    let suspended = primary_of(&cache, clustered.owner(ids[1])).await.unwrap();
    cache.suspend_reads(suspended.connection);
    let tiers = [Tier::L2, Tier::Bypassed, Tier::L2];
    for (id, tier) in ids.iter().zip(tiers) {
        assert_eq!(read(&cache, *id).await, (Some(1), tier));
    }
}

#[tokio::test]
async fn a_master_that_is_new_is_not_read_from_before_it_was_admitted() {
    let clustered = Clustered::with_a_spare();
    let cache = clustered.replaying_cache().await;
    for primary in cache.primaries().await.unwrap().iter() {
        cache.admit(primary.connection);
    }
    clustered.world.ledger.put(1, 1);
    assert_eq!(read(&cache, 1).await, (Some(1), Tier::Loaded));
    let stays = (1..).find(|id| clustered.owner(*id).port() != clustered.owner(1).port()).unwrap();
    read(&cache, stays).await;
    let spare = clustered.cluster.servers().last().unwrap();
    let before = cache.primaries().await.unwrap();
    clustered.cluster.move_slot(slot_of(1), spare).unwrap();
    assert!(has_value(spare, 1));
    until(|| async { primary_of(&cache, spare).await.is_some() }).await;
    assert_ne!(cache.primaries().await.unwrap().layout(), before.layout());
    for _ in 0..3 {
        assert_eq!(read(&cache, 1).await, (Some(1), Tier::Bypassed));
        assert_eq!(read(&cache, stays).await.1, Tier::L2);
    }
    cache.admit(primary_of(&cache, spare).await.unwrap().connection);
    assert_eq!(read(&cache, 1).await, (Some(1), Tier::L2));
}
