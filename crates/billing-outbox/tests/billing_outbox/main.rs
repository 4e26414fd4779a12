//! Triggers, outbox, relay and audit over a table that billing does not have, on both databases and a real Redis.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says where it runs")]

mod neighbours;
mod subscriptions;
mod world;

use billing_cache::{Pace, Tier};
use billing_outbox::audit::{Audit, Extent, Outcome};
use billing_outbox::outbox::{Pending, Writer, waiting};
use sea_orm::ConnectionTrait;
use test_support::eventually;

use crate::subscriptions::APPLICATION;
use crate::world::{DEADLINE, for_each_world, plans};

#[tokio::test]
async fn a_list_is_cached_and_sql_of_any_program_invalidates_it() {
    for_each_world(async |world| {
        let cache = world.cache().await;
        assert_eq!(plans(&cache, 7).await, (Tier::Loaded, vec!["basic".to_owned()]));
        assert_eq!(plans(&cache, 7).await, (Tier::L2, vec!["basic".to_owned()]));
        assert_eq!(plans(&cache, 8).await, (Tier::Loaded, vec![]));
        let relay = world.relay(&cache);
        relay.caught_up().await;
        // It moves a row, so it concerns the lists of both customers.
        world.execute("UPDATE subscriptions SET customer_id = 8, plan = 'gold' WHERE id = 1").await;
        eventually(DEADLINE, async || (waiting(&cache).await.unwrap().rows == 0).then_some(())).await.unwrap();
        assert_eq!(plans(&cache, 7).await, (Tier::Loaded, vec![]));
        assert_eq!(plans(&cache, 8).await, (Tier::Loaded, vec!["gold".to_owned()]));
        relay.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_write_is_seen_by_every_process_once_its_commit_returns() {
    for_each_world(async |world| {
        let (cache, other) = (world.cache().await, world.cache().await);
        assert_eq!(plans(&other, 7).await.1, ["basic"]);
        let writer = Writer::new(cache);
        let transaction = writer.begin().await.unwrap();
        transaction.execute_unprepared("UPDATE subscriptions SET plan = 'silver' WHERE id = 1").await.unwrap();
        assert_eq!(plans(&other, 7).await, (Tier::L2, vec!["basic".to_owned()]));
        assert_eq!(transaction.commit(()).await.unwrap().pending, Pending::Nothing);
        assert_eq!(plans(&other, 7).await, (Tier::Loaded, vec!["silver".to_owned()]));
        writer.close().await;
        assert_eq!(waiting(&other).await.unwrap().rows, 0);
    })
    .await;
}

#[tokio::test]
async fn the_audit_finds_a_value_that_was_tampered_with() {
    for_each_world(async |world| {
        let cache = world.cache().await;
        plans(&cache, 7).await;
        plans(&cache, 8).await;
        let forged = r#"[{"id":1,"customer_id":7,"plan":"free","state":"active"}]"#;
        world.redis.command::<()>(&["SET", "subscriptions:7", forged, "EX", "600"]).unwrap();
        let mut audit = Audit::begin(&cache, APPLICATION.types, Extent::All, Pace::unlimited()).await.unwrap();
        let mut judged = Vec::new();
        while let Some(step) = audit.next().await.unwrap() {
            judged.extend(step.judged);
        }
        judged.sort_by_key(|judged| judged.key.to_string());
        let [forged, right] = judged.as_slice() else { panic!("{judged:?}") };
        let Outcome::Stale { differences } = &forged.outcome else { panic!("{forged:?}") };
        assert_eq!(
            (forged.key.to_string().as_str(), differences.fields[0].path.as_str()),
            ("subscriptions:7", "[0].plan")
        );
        assert!(matches!(right.outcome, Outcome::Right), "{right:?}");
    })
    .await;
}
