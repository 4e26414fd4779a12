//! Somebody empties one master of a cluster, which has neither `SWAPDB` nor an id of its data, and needs none.

use billing_cache::Tier;

use super::Clustered;
use crate::memory::{in_l1, until_in_l1, until_not_in_l1};
use crate::world::{invalidate, read, until};

#[tokio::test]
async fn a_master_that_somebody_flushed_makes_nothing_stale() {
    let clustered = Clustered::of_masters();
    let (reader, writer) = (clustered.l1_cache_with(|_| {}).await, clustered.cache().await);
    let ids = clustered.one_for_each_master();
    clustered.fill(&reader, &ids, 1).await;
    for (version, flush) in (2..).zip(["FLUSHDB", "FLUSHALL"]) {
        for id in &ids {
            until_in_l1(&reader, *id, version - 1).await;
        }
        let before = writer.primaries().await.unwrap();
        clustered.owner(ids[0]).command::<()>(&[flush]).unwrap();
        until_not_in_l1(&reader, ids[0]).await;
        assert_eq!(read(&writer, ids[1]).await, (Some(version - 1), Tier::L2), "another master has what it had");
        for id in &ids {
            clustered.world.ledger.put(*id, version);
            assert!(invalidate(&writer, &[*id]).await.is_done());
            until(|| async { read(&reader, *id).await.0 == Some(version) }).await;
            assert_ne!(in_l1(&reader, *id), Some(Some(version - 1)));
        }
        assert_eq!(writer.primaries().await.unwrap(), before, "nothing is replayed for that");
    }
}
