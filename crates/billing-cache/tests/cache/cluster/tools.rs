//! What operators and the dashboard ask, asked of all masters.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use billing_cache::{Cache, ClearMode, Cleared, Event, Pace, Resolution, Standing, Tier, TypeInfo};

use super::{Clustered, has_value, key, read_many};
use crate::ledger::{CreditNotes, Discounts, InvoiceId, Invoices, Ledger, UserId};
use crate::world::{lease, read};

const COUNT: i32 = 250;

async fn filled(clustered: &Clustered) -> Cache<Ledger> {
    let cache = clustered.cache().await;
    let ids: Vec<i32> = (0..COUNT).collect();
    clustered.fill(&cache, &ids, 7).await;
    cache.get::<CreditNotes>(&UserId(1)).await.unwrap();
    cache
}

/// A key of another program at each master.
fn put_foreign(clustered: &Clustered) {
    for id in clustered.one_for_each_master() {
        let name = format!("session:{{{}}}", key(id));
        clustered.owner(id).command::<()>(&["SET", &name, "not ours"]).unwrap();
    }
}

fn hold_lease(clustered: &Clustered, id: i32) {
    let name = lease(&key(id));
    clustered.owner(id).command::<()>(&["SET", &name, "r-of-another-process", "PX", "600000"]).unwrap();
}

#[tokio::test]
async fn a_clear_empties_its_types_at_all_masters_and_nothing_else() {
    let clustered = Clustered::of_masters();
    let cache = filled(&clustered).await;
    put_foreign(&clustered);
    for id in clustered.one_for_each_master() {
        hold_lease(&clustered, id);
    }
    let all = cache.key_count().await.unwrap().unwrap();
    let types = [TypeInfo::of::<Invoices>()];
    let expected = [Cleared { keys: 250, leases: 3 }];
    let dry = cache.clear(&types, ClearMode::DryRun, &mut |_| {}).await.unwrap();
    assert_eq!((dry.as_slice(), cache.key_count().await.unwrap().unwrap()), (&expected[..], all));
    let cleared = cache.clear(&types, ClearMode::Remove, &mut |_| {}).await.unwrap();
    assert_eq!(cleared, expected);
    assert_eq!(cache.key_count().await.unwrap().unwrap(), all - 253);
    let on_record = cache.clear_on_record(&[TypeInfo::of::<CreditNotes>()]).await.unwrap();
    assert_eq!(on_record.history, cache.primaries().await.unwrap().history_of_all());
    assert!(on_record.everywhere && on_record.history.is_some());
    assert_eq!(cache.key_count().await.unwrap().unwrap(), 3, "those of other programs");
}

#[tokio::test]
async fn single_keys_of_all_shards_are_cleared_by_their_texts() {
    let clustered = Clustered::of_masters();
    let cache = filled(&clustered).await;
    hold_lease(&clustered, 3);
    let texts: Vec<String> = [1, 2, 3, 4, 5, 9_999].map(key).to_vec();
    let expected = Cleared { keys: 5, leases: 1 };
    assert_eq!(cache.clear_keys(&texts, ClearMode::DryRun).await.unwrap(), expected);
    assert_eq!(cache.clear_keys(&texts, ClearMode::Remove).await.unwrap(), expected);
    assert_eq!(cache.clear_keys(&texts, ClearMode::DryRun).await.unwrap(), Cleared::default());
}

#[tokio::test]
async fn a_walk_and_a_survey_see_every_key_of_every_master_once() {
    let clustered = Clustered::of_masters();
    let cache = filled(&clustered).await;
    put_foreign(&clustered);
    hold_lease(&clustered, 1_000);
    let mut walk = cache.walk(&[TypeInfo::of::<Invoices>()], Pace::unlimited()).await.unwrap();
    let mut walked = Vec::new();
    while let Some(step) = walk.step().await.unwrap() {
        walked.extend(step.keys.iter().map(|key| key.as_str().to_owned()));
    }
    assert_eq!(walked.len(), 250);
    assert_eq!(walked.into_iter().collect::<BTreeSet<_>>(), (0..COUNT).map(key).collect());

    cache.flush_counters().await;
    let survey = cache.survey().await.unwrap();
    let keys: Vec<u64> = survey.types.iter().map(|of_type| of_type.keys).collect();
    assert_eq!((keys.as_slice(), survey.leases, survey.foreign), (&[250, 1, 0][..], 1, 3));
    assert!(survey.bookkeeping > 0);
    let used =
        |server: &test_support::RedisServer| server.info("memory").unwrap()["used_memory"].parse::<u64>().unwrap();
    let least: u64 = clustered.cluster.servers().iter().map(used).sum::<u64>() / 2;
    assert!(survey.server.used_memory > least && cache.memory().await.unwrap().used_bytes > least, "of all together");
    assert_eq!((survey.server.role.as_str(), survey.server.maxmemory), ("master", 0));
}

#[tokio::test]
async fn what_stands_under_keys_is_asked_of_their_masters() {
    let clustered = Clustered::of_masters();
    let cache = filled(&clustered).await;
    let ids = clustered.one_for_each_master();
    for id in &ids {
        hold_lease(&clustered, *id);
        let state = cache.inspect(&cache.any_key::<Invoices>(&InvoiceId(*id))).await.unwrap();
        assert_eq!(state.standing, Standing::Value(br#"{"version":7}"#.to_vec()));
        assert!(state.ttl_ms.is_some() && state.memory_bytes.is_some() && state.lease_ms.is_some());
    }
    let list = clustered.owner(ids[0]);
    list.command::<()>(&["DEL", &key(ids[0])]).unwrap();
    list.command::<u64>(&["LPUSH", &key(ids[0]), "a list"]).unwrap();
    let asked: Vec<_> = ids.iter().chain(&[9_999]).map(|id| cache.any_key::<Invoices>(&InvoiceId(*id))).collect();
    let value = Standing::Value(br#"{"version":7}"#.to_vec());
    let expected = [Standing::NotAString, value.clone(), value, Standing::Absent];
    assert_eq!(cache.standing(&asked).await.unwrap(), expected);
    let texts: Vec<String> = asked.iter().map(|key| key.as_str().to_owned()).collect();
    let ttls = cache.times_to_live(&texts).await.unwrap();
    assert_eq!(ttls.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, false]);
    assert_eq!(ttls[0], Some(Duration::MAX), "it never expires");
}

#[tokio::test]
async fn numbers_hot_keys_and_processes_of_several_services_come_together() {
    let clustered = Clustered::of_masters();
    let service = || clustered.world.service_with(|options| clustered.point(options));
    let services = [service().await, service().await];
    let tool = clustered.cache().await;
    let ids = clustered.one_for_each_master();
    for service in &services {
        for _ in 0..2_000 {
            read(service, ids[0]).await;
        }
        read_many(service, &ids).await;
        service.flush_counters().await;
    }
    let hot = tool.hot_keys(&TypeInfo::of::<Invoices>(), 1).await.unwrap();
    assert_eq!(hot.keys[0].text, key(ids[0]));
    assert_eq!(tool.hot_keys(&TypeInfo::of::<Discounts>(), 1).await.unwrap().keys, []);
    assert_eq!(tool.processes().await.unwrap().len(), 2);
    let now = SystemTime::now();
    let buckets = tool.history(Resolution::Minute, now - Duration::from_secs(180), now).await.unwrap();
    let hits: u64 = buckets.iter().map(|bucket| bucket.numbers.count("invoices", Event::HitL2)).sum();
    let own: u64 = services.iter().map(|service| service.count::<Invoices>(Event::HitL2)).sum();
    assert_eq!(hits, own);
    assert!(own > 3_900, "{own}");
}

#[tokio::test]
async fn what_any_master_evicts_is_counted_so() {
    let clustered = Clustered::of_masters();
    let service = clustered.world.service_with(|options| clustered.point(options)).await;
    let numbers = clustered.cluster.owner_of("{numbers}").unwrap().port();
    let ids: Vec<i32> = (1..60).filter(|id| clustered.owner(*id).port() != numbers).collect();
    clustered.fill(&service, &ids, 7).await;
    service.flush_counters().await;
    let full = clustered.owner(ids[0]);
    let used: u64 = full.info("memory").unwrap()["used_memory"].parse().unwrap();
    let limit = (used + (1 << 20)).to_string();
    full.command::<()>(&["CONFIG", "SET", "maxmemory", &limit, "maxmemory-policy", "allkeys-random"]).unwrap();
    let here: Vec<i32> = ids.into_iter().filter(|id| clustered.owner(*id).port() == full.port()).collect();
    let evicted = (0..)
        .find_map(|number| {
            let name = format!("foreign:{{{}}}:{number}", key(here[0]));
            full.command::<()>(&["SET", &name, &"x".repeat(10_000)]).unwrap();
            here.iter().find(|id| !has_value(full, **id)).copied()
        })
        .unwrap();
    full.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    service.flush_counters().await;
    assert_eq!(read(&service, evicted).await, (Some(7), Tier::Loaded));
    assert_eq!(service.count::<Invoices>(Event::MissEvicted), 1);
}
