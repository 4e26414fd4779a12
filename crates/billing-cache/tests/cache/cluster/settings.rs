//! How a cluster is named: what contradicts itself is refused, and one node that answers is enough.

use billing_cache::{CacheBuilder, Tier};
use test_support::{Authority, ClientCertificates, Lifetime, RedisCluster, RedisOptions};

use super::{Clustered, has_value};
use crate::ledger::Invoices;
use crate::world::{Options, World, invalidate, read, until};

async fn refusal(change: impl FnOnce(&mut Options)) -> String {
    let world = World::new();
    let mut options = world.options();
    options.redis.cluster_nodes = "127.0.0.1:1".into();
    change(&mut options);
    let builder = CacheBuilder::new(world.ledger.clone(), options.cache).with::<Invoices>();
    builder.open(&options.redis).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_contradicts_itself_is_refused() {
    let url = refusal(|options| options.redis.url = "redis://:hunter2@127.0.0.1:1".into()).await;
    assert!(url.contains("redis.cluster_nodes and redis.url are both set") && url.contains("leave REDIS_URL out"));
    assert!(!url.contains("hunter2"), "{url}");
    let sentinels = refusal(|options| options.redis.sentinels = "127.0.0.1:2".into()).await;
    assert!(sentinels.contains("redis.cluster_nodes and redis.sentinels are both set"), "{sentinels}");
    let db = refusal(|options| options.redis.db = 3).await;
    assert!(db.contains("redis.db is 3") && db.contains("leave REDIS_DB out"), "{db}");
    let list = refusal(|options| options.redis.cluster_nodes = "127.0.0.1:1;127.0.0.1:2".into()).await;
    assert!(list.contains("redis.cluster_nodes has") && list.contains("write REDIS_CLUSTER_NODES like"), "{list}");
    let login = refusal(|options| options.redis.cluster_nodes = "me:hunter2@127.0.0.1:1".into()).await;
    assert!(login.contains("a login") && !login.contains("hunter2"), "{login}");
}

#[tokio::test]
async fn what_is_wrong_with_the_nodes_is_said() {
    let plain = World::new();
    let locked = RedisOptions::default().password("sesame").config("cluster-enabled", "yes").start().unwrap();
    let (plain_node, locked_node) = (plain.server.port(), locked.port());
    let empty = RedisOptions::default().config("cluster-enabled", "yes").start().unwrap();
    for (port, expected) in [
        (1, "no node of the cluster answers: 127.0.0.1:1: "),
        (plain_node, "is no node of a Redis Cluster; name its nodes in REDIS_CLUSTER_NODES, or point REDIS_HOST"),
        (locked_node, "check REDIS_PASSWORD and REDIS_USERNAME"),
        (empty.port(), "no master of the cluster has slots"),
    ] {
        let cache = plain.cache_with(|options| options.redis.cluster_nodes = format!("127.0.0.1:{port}")).await;
        let told = cache.check_redis().await.unwrap_err().to_string();
        assert!(told.contains(expected), "{expected}: {told}");
        assert_eq!(read(&cache, 1).await, (None, Tier::Bypassed));
        assert!(!cache.uses_redis());
    }
    assert_eq!(plain.server.command::<u64>(&["DBSIZE"]).unwrap(), 0);
}

#[tokio::test]
async fn a_node_of_a_cluster_that_is_not_named_as_one_is_explained() {
    let clustered = Clustered::of_masters();
    let id = (1..).find(|id| clustered.owner(*id).port() != clustered.cluster.servers()[0].port()).unwrap();
    let cache = clustered.world.cache_with(|options| options.redis.port = clustered.cluster.servers()[0].port()).await;
    assert_eq!(read(&cache, id).await.1, Tier::Bypassed);
    let key = cache.any_key::<Invoices>(&crate::ledger::InvoiceId(id));
    let told = cache.inspect(&key).await.unwrap_err().to_string();
    assert!(told.contains("REDIS_CLUSTER_NODES"), "{told}");
}

#[tokio::test]
async fn one_node_that_answers_is_enough_to_find_all() {
    let clustered = Clustered::of_masters();
    let one = clustered.cluster.servers()[1].port();
    let nodes = format!("127.0.0.1:1, 127.0.0.1:{one}");
    let cache = clustered.cache_with(|options| options.redis.cluster_nodes = nodes).await;
    let ids = clustered.one_for_each_master();
    clustered.fill(&cache, &ids, 7).await;
    assert!(ids.iter().all(|id| has_value(clustered.owner(*id), *id)));
    cache.check_redis().await.unwrap();
}

#[tokio::test]
async fn nodes_that_are_all_dead_at_the_start_are_found_when_they_live() {
    let clustered = Clustered::of_masters();
    clustered.cluster.servers().iter().for_each(|server| server.kill().unwrap());
    let cache = clustered.l1_cache_with(super::impatient).await;
    clustered.world.ledger.put(1, 7);
    assert_eq!(read(&cache, 1).await, (Some(7), Tier::Bypassed));
    assert!(!invalidate(&cache, &[1]).await.is_done());
    assert!(cache.primaries().await.is_err() && cache.key_count().await.is_err());
    clustered.cluster.servers().iter().for_each(|server| server.restart().unwrap());
    until(|| async { cache.suspect_keys() == 0 }).await;
    crate::memory::until_in_l1(&cache, 1, 7).await;
    cache.check_redis().await.unwrap();
}

#[tokio::test]
async fn all_nodes_may_speak_tls_by_their_names_and_want_a_password() {
    let authority = Authority::new().unwrap();
    let identity = authority.server("localhost", Lifetime::Valid).unwrap();
    let options = RedisOptions::default().password("sesame").tls(&authority, &identity, ClientCertificates::Ignored);
    // They are introduced by names and send one elsewhere by numbers.
    let options = options.config("cluster-announce-hostname", "localhost");
    let clustered = Clustered::over(RedisCluster::start_masters(&options, 3).unwrap());
    let change = |options: &mut Options| {
        options.redis.cluster_nodes = clustered.cluster.nodes().replace("127.0.0.1", "localhost");
        options.redis.password = "sesame".into();
        (options.redis.tls, options.redis.tls_ca_file) = (true, authority.file());
    };
    let cache = clustered.l1_cache_with(change).await;
    let ids = clustered.one_for_each_master();
    clustered.fill(&cache, &ids, 7).await;
    for id in &ids {
        assert!(has_value(clustered.owner(*id), *id));
        crate::memory::until_in_l1(&cache, *id, 7).await;
    }
    let (half_way, _) = clustered.open_slot(ids[0], &[super::key(ids[0])]);
    clustered.world.write(&cache, ids[0], 8).await;
    assert!(!super::is_anywhere(&clustered.cluster, ids[0]));
    half_way.finish().unwrap();
    until(|| async { read(&cache, ids[0]).await == (Some(8), Tier::L2) }).await;
}
