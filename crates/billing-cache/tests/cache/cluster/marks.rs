//! Two databases on one cluster by mistake, and the master of the mark that tells it.

use billing_cache::{Cache, Tier};

use super::{Clustered, has_value};
use crate::ledger::Ledger;
use crate::world::{invalidate, open_marked, read, until};

const MARK: &str = "{database}";

impl Clustered {
    /// A service of the database of this name, which has this version of each of these invoices.
    async fn service_of(&self, name: &str, ids: &[i32], version: u64) -> Cache<Ledger> {
        let ledger = Ledger::new();
        ids.iter().for_each(|id| ledger.put(*id, version));
        let mut options = self.world.options();
        self.point(&mut options);
        super::impatient(&mut options);
        open_marked(&ledger, &options, name).await
    }

    /// An invoice on a master that is not that of the mark.
    fn elsewhere(&self) -> i32 {
        let of_mark = self.cluster.owner_of(MARK).unwrap().port();
        (1..).find(|id| self.owner(*id).port() != of_mark).unwrap()
    }
}

#[tokio::test]
async fn who_finds_the_living_mark_of_another_database_reads_and_fills_at_no_master_and_still_invalidates() {
    let clustered = Clustered::of_masters();
    let ids = clustered.one_for_each_master();
    let one = clustered.service_of("one", &ids, 1).await;
    for id in &ids {
        until(|| async { read(&one, *id).await == (Some(1), Tier::L2) }).await;
    }
    let other = clustered.service_of("other", &ids, 2).await;
    assert_eq!(other.other_source().as_deref(), Some("one"));
    for id in &ids {
        assert_eq!(read(&other, *id).await, (Some(2), Tier::Bypassed));
        assert_eq!(read(&one, *id).await, (Some(1), Tier::L2));
        until(|| async { invalidate(&other, &[*id]).await.is_done() }).await;
        assert!(!has_value(clustered.owner(*id), *id));
    }
}

#[tokio::test]
async fn while_the_master_of_the_mark_is_away_who_has_seen_it_reads_the_others_and_who_has_not_reads_none() {
    let clustered = Clustered::of_masters();
    let id = clustered.elsewhere();
    let one = clustered.service_of("one", &[id], 1).await;
    until(|| async { read(&one, id).await == (Some(1), Tier::L2) }).await;
    let away = clustered.cluster.owner_of(MARK).unwrap();
    away.pause().unwrap();
    let other = clustered.service_of("other", &[id], 2).await;
    let again = clustered.service_of("one", &[id], 1).await;
    for _ in 0..20 {
        assert_eq!(read(&other, id).await, (Some(2), Tier::Bypassed));
        assert_eq!(read(&again, id).await, (Some(1), Tier::Bypassed));
        until(|| async { read(&one, id).await == (Some(1), Tier::L2) }).await;
    }
    away.resume().unwrap();
    until(|| async { read(&again, id).await == (Some(1), Tier::L2) }).await;
    until(|| async { other.other_source().as_deref() == Some("one") }).await;
    assert_eq!(read(&other, id).await, (Some(2), Tier::Bypassed));
}
