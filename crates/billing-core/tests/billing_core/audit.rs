//! The audit calls stale what is stale, and nothing else.

use std::time::Duration;

use billing_cache::{AnyKey, Pace};
use billing_core::cached::CACHED_TYPES;
use billing_core::service::BillingService;
use billing_outbox::audit::{Audit, Differences, Extent, Judged, Outcome, judge};
use chrono::TimeDelta;
use sea_orm::DbBackend;
use serde_json::json;
use test_support::eventually;

use crate::backends::execute;
use crate::world::{DEADLINE, World, for_each_world};

impl World {
    /// A process that has read one value of each type, and the first two invoices.
    async fn with_values(&self) -> BillingService {
        let process = self.process().await;
        process.invoices_details(&[1, 2]).await.unwrap();
        process.user_credit_notes(1).await.unwrap();
        process.active_discounts().await.unwrap();
        process.applicable_tax_rate("GB", None).await.unwrap();
        process
    }

    fn set_raw(&self, key: &str, value: &str) {
        self.redis.command::<()>(&["SET", key, value, "EX", "600"]).unwrap();
    }

    /// Replaces a part of the text that is cached.
    fn falsify(&self, key: &str, from: &str, to: &str) {
        let value = self.cached(key).unwrap();
        assert!(value.contains(from), "{from} is not in {value}");
        self.set_raw(key, &value.replacen(from, to, 1));
    }

    /// Forgets to invalidate: changes invoices while the trigger that would tell is not there.
    async fn change_untold(&self, sql: &str) {
        let without = match self.database.backend() {
            DbBackend::Sqlite => "DROP TRIGGER billing_cache_invoices_update;".to_owned(),
            _ => "ALTER TABLE invoices DISABLE TRIGGER ALL;".to_owned(),
        };
        execute(&self.database, &format!("{without} {sql}")).await;
        assert_eq!(self.count("cache_invalidations").await, 0);
    }
}

pub(crate) async fn audit(process: &BillingService, extent: Extent) -> Vec<Judged> {
    let mut audit = Audit::begin(process.cache(), CACHED_TYPES, extent, Pace::unlimited()).await.unwrap();
    let mut judged = Vec::new();
    while let Some(step) = audit.next().await.unwrap() {
        judged.extend(step.judged);
    }
    judged
}

fn key(process: &BillingService, text: &str) -> AnyKey {
    process.cache().key_of_text(text).unwrap()
}

async fn outcome(process: &BillingService, text: &str) -> Outcome {
    judge(process.cache(), &key(process, text)).await.unwrap()
}

fn fields(differences: &Differences) -> serde_json::Value {
    serde_json::to_value(&differences.fields).unwrap()
}

/// What is not right, by key.
fn wrong(judged: Vec<Judged>) -> Vec<(String, Outcome)> {
    let wrong = judged.into_iter().filter(|judged| !matches!(judged.outcome, Outcome::Right));
    wrong.map(|judged| (judged.key.to_string(), judged.outcome)).collect()
}

#[tokio::test]
async fn what_the_cache_filled_is_right() {
    for_each_world(async |world| {
        let process = world.with_values().await;
        // The cached absence of a row, too.
        process.invoice_details(99).await.unwrap();
        let judged = audit(&process, Extent::All).await;
        assert_eq!(judged.len(), 6);
        assert!(wrong(judged).is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_value_changed_by_hand_is_stale_in_its_fields() {
    for_each_world(async |world| {
        let process = world.with_values().await;
        world.falsify("invoice:1", r#""total":"100.00""#, r#""total":"1.00""#);
        world.falsify("user_credit_notes:1", r#""remaining_amount":"30.00""#, r#""remaining_amount":"31.00""#);
        let mut found = wrong(audit(&process, Extent::All).await);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let [(first, Outcome::Stale { differences: total }), (second, Outcome::Stale { differences: remaining })] =
            found.as_slice()
        else {
            panic!("{found:?}")
        };
        assert_eq!((first.as_str(), second.as_str()), ("invoice:1", "user_credit_notes:1"));
        assert_eq!(fields(total), json!([{"path": "total", "cached": "1.00", "database": "100.00"}]));
        let expected = json!([{"path": "[0].remaining_amount", "cached": "31.00", "database": "30.00"}]);
        assert_eq!(fields(remaining), expected);
    })
    .await;
}

#[tokio::test]
async fn a_change_that_no_trigger_saw_is_found() {
    for_each_world(async |world| {
        let process = world.with_values().await;
        world.change_untold("UPDATE invoices SET amount = 120 WHERE id = 1").await;
        let found = wrong(audit(&process, Extent::All).await);
        let [(key, Outcome::Stale { differences })] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((key.as_str(), differences.fields.len()), ("invoice:1", 4), "{differences:?}");
        assert_eq!(differences.fields[0].path, "amount");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_value_of_its_type_is_undecodable() {
    for_each_world(async |world| {
        let process = world.process().await;
        world.set_raw("invoice:1", "rubbish");
        world.set_raw("invoice:2", r#"{"id": 2}"#);
        world.redis.command::<()>(&["LPUSH", "invoice:3", "a list"]).unwrap();
        let found = wrong(audit(&process, Extent::All).await);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|(_, outcome)| matches!(outcome, Outcome::Undecodable { .. })), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn what_a_reader_does_not_see_is_no_difference() {
    for_each_world(async |world| {
        let process = world.with_values().await;
        let value = world.cached("invoice:1").unwrap();
        let mut object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&value).unwrap();
        let id = object.shift_remove("id").unwrap();
        object.insert("a_field_of_an_older_writer".to_owned(), json!(1));
        object.insert("id".to_owned(), id);
        world.set_raw("invoice:1", &serde_json::to_string_pretty(&object).unwrap());
        assert!(matches!(outcome(&process, "invoice:1").await, Outcome::Right));
    })
    .await;
}

#[tokio::test]
async fn a_change_that_waits_for_the_relay_is_pending_until_it_is_told() {
    for_each_world(async |world| {
        let process = world.with_values().await;
        world.set_amount(1, 120).await;
        let Outcome::Pending { differences, .. } = outcome(&process, "invoice:1").await else { panic!("not pending") };
        assert_eq!(differences.fields[0].path, "amount");
        let relaying = world.relaying().await;
        world.wait_until_relayed().await;
        assert!(matches!(outcome(&process, "invoice:1").await, Outcome::Gone));
        relaying.close().await;
    })
    .await;
}

#[tokio::test]
async fn an_invalidation_of_the_whole_type_or_of_a_lost_history_is_pending_too() {
    for_each_world(async |world| {
        let process = world.with_values().await;
        world.change_untold("UPDATE invoices SET amount = 120").await;
        world.add_row("invoices", None).await;
        assert!(matches!(outcome(&process, "invoice:1").await, Outcome::Pending { .. }));
        execute(&world.database, "DELETE FROM cache_invalidations").await;
        world.add_row("invoices", Some("[1]")).await;
        let relayed = "UPDATE cache_invalidations SET relayed_at = created_at, redis_history";
        execute(&world.database, &format!("{relayed} = 'another'")).await;
        assert!(matches!(outcome(&process, "invoice:1").await, Outcome::Pending { .. }));
        assert!(matches!(outcome(&process, "invoice:2").await, Outcome::Stale { .. }), "no row of its own");
        execute(&world.database, &format!("{relayed} = '{}'", world.history())).await;
        assert!(matches!(outcome(&process, "invoice:1").await, Outcome::Stale { .. }), "told, and still there");
    })
    .await;
}

/// The list changes by itself when the discount ends. Nobody writes, and nobody may call that stale.
#[tokio::test]
async fn a_value_that_changes_by_itself_is_never_stale() {
    for_each_world(async |world| {
        let process = world.process().await;
        let ends = (billing_core::time::now() + TimeDelta::milliseconds(3_000)).format("%F %T%.6f");
        let sql = format!("UPDATE discounts SET valid_to = '{ends}' WHERE name = 'Huge'");
        execute(&world.database, &format!("{sql}; DELETE FROM cache_invalidations")).await;
        process.active_discounts().await.unwrap();
        let gone = || async {
            match outcome(&process, "active_discounts").await {
                Outcome::Gone => true,
                Outcome::Right => false,
                other => panic!("{other:?}"),
            }
        };
        eventually(DEADLINE, gone).await.unwrap();
    })
    .await;
}

/// A foreign hand took its end from the entry, so that it outlives the moment at which it changes.
#[tokio::test]
async fn a_value_that_outlives_its_validity_is_stale() {
    for_each_world(async |world| {
        let process = world.process().await;
        let ends = (billing_core::time::now() + TimeDelta::milliseconds(3_000)).format("%F %T%.6f");
        let sql = format!("UPDATE discounts SET valid_to = '{ends}' WHERE name = 'Huge'");
        execute(&world.database, &format!("{sql}; DELETE FROM cache_invalidations")).await;
        process.active_discounts().await.unwrap();
        world.redis.command::<()>(&["PERSIST", "active_discounts"]).unwrap();
        let stale = || async { matches!(outcome(&process, "active_discounts").await, Outcome::Stale { .. }) };
        eventually(DEADLINE, stale).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_sample_has_its_size_and_no_key_twice() {
    for_each_world(async |world| {
        let process = world.process().await;
        for id in 1_000..1_400 {
            world.set_raw(&format!("invoice:{id}"), "null");
        }
        world.set_raw("invoices:1", "of another program");
        process.user_credit_notes(1).await.unwrap();
        let mut audit =
            Audit::begin(process.cache(), CACHED_TYPES, Extent::Sample(50), Pace::unlimited()).await.unwrap();
        let mut judged = Vec::new();
        while let Some(step) = audit.next().await.unwrap() {
            judged.extend(step.judged.into_iter().map(|judged| judged.key.to_string()));
        }
        judged.sort();
        judged.dedup();
        assert_eq!(judged.len(), 51);
        assert!(!audit.covers_all("invoices") && audit.covers_all("user_credit_notes"));
    })
    .await;
}

#[tokio::test]
async fn an_audit_is_no_read_of_the_cache() {
    for_each_world(async |world| {
        let process = world.with_values().await;
        let before = world.all_cached();
        let writes = || {
            let stats = world.redis.command_stats().unwrap();
            ["set", "evalsha", "unlink", "del", "hincrby"].map(|name| stats.get(name).map_or(0, |stats| stats.calls))
        };
        let written = writes();
        world.falsify("invoice:1", "100.00", "1.00");
        let set = writes()[0];
        audit(&process, Extent::All).await;
        assert_eq!((writes()[0], &writes()[1..]), (set, &written[1..]));
        assert_eq!(world.all_cached().len(), before.len());
        tokio::time::timeout(Duration::from_secs(60), process.close()).await.unwrap();
    })
    .await;
}
