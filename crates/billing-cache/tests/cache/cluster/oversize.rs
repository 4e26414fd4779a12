//! A value that is too large to be read in time, at one master of a cluster.

use billing_cache::Tier;

use super::{Clustered, key, read_many};
use crate::world::{read, until};

const HUGE_BYTES: usize = 32 << 20;

#[tokio::test]
async fn a_huge_value_at_one_master_is_removed_and_replaced_and_the_others_keep_what_they_have() {
    let clustered = Clustered::of_masters();
    let cache = clustered
        .cache_with(|options| {
            (options.redis.command_timeout_ms, options.redis.batch_timeout_ms) = (5, 5_000);
            options.cache.breaker.min_calls = 1_000_000;
        })
        .await;
    let ids = clustered.one_for_each_master();
    clustered.fill(&clustered.cache().await, &ids, 7).await;
    let (huge, owner) = (ids[1], clustered.owner(ids[1]));
    owner.command::<()>(&["SETRANGE", &key(huge), &(HUGE_BYTES - 1).to_string(), "x"]).unwrap();
    until(|| async {
        assert_eq!(read(&cache, huge).await.0, Some(7));
        // A server that is busy with what is large may not say.
        owner.command::<usize>(&["STRLEN", &key(huge)]).is_ok_and(|length| length < HUGE_BYTES)
    })
    .await;
    let in_redis = vec![(Some(7), Tier::L2); ids.len()];
    until(|| async {
        read(&cache, huge).await;
        read_many(&cache, &ids).await == in_redis
    })
    .await;
}
