//! `/metrics` of a dashboard at which nobody looks: what is known is as new as it says, and what is not known is not
//! there.

use std::collections::BTreeMap;

use test_support::eventually;

use super::program::{DEADLINE, Dashboard};
use crate::fixture::Stage;

/// The values without labels, and those of invoices.
fn gauges(dashboard: &Dashboard) -> BTreeMap<String, f64> {
    let page = dashboard.get("/metrics").text;
    let values = page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    let of_invoices = |name: &str| name.trim_end_matches("{type=\"invoices\"}").trim_end_matches("{}").to_owned();
    values.map(|(name, value)| (of_invoices(name), value.parse().unwrap())).collect()
}

/// The gauges, once this one has a value as wanted.
async fn once(dashboard: &Dashboard, name: &str, wanted: impl Fn(f64) -> bool) -> BTreeMap<String, f64> {
    let look = async || {
        let gauges = gauges(dashboard);
        if gauges.get(name).copied().is_some_and(&wanted) { Ok(gauges) } else { Err(format!("{gauges:#?}")) }
    };
    eventually(DEADLINE, look).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_tells_what_waits_now() {
    for stage in Stage::filled().await {
        stage.migrate_and_run(&["DELETE FROM cache_invalidations"]).await;
        let dashboard = Dashboard::over(&stage, &[]);
        let of = |name: &str| gauges(&dashboard)[name];
        assert_eq!(of("billing_cache_database_up"), 1.0, "it is asked, not remembered");
        assert_eq!(of("billing_cache_outbox_pending_rows"), 0.0);
        // No service runs that would apply it.
        stage.migrate_and_run(&["UPDATE invoices SET status = 'overdue' WHERE id = 7"]).await;
        assert_eq!(of("billing_cache_outbox_pending_rows"), 1.0);
        stage.migrate_and_run(&["DELETE FROM cache_invalidations"]).await;
        assert_eq!(of("billing_cache_outbox_pending_rows"), 0.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_has_a_time_as_soon_as_one_has_ended_and_none_before() {
    let stage = Stage::filled().await.remove(0);
    stage.redis.command::<()>(&["SET", "invoice:1", "null", "EX", "3600"]).unwrap();
    let dashboard = Dashboard::over(&stage, &["--audit-seconds", "1", "--survey-seconds", "1"]);
    let (completed, surveyed) =
        ("billing_cache_audit_completed_timestamp_seconds", "billing_cache_survey_completed_timestamp_seconds");
    let never_zero = async || {
        let gauges = gauges(&dashboard);
        assert!(gauges.get(completed) != Some(&0.0) && gauges.get(surveyed) != Some(&0.0), "{gauges:#?}");
        if gauges.contains_key(completed) && gauges.contains_key(surveyed) {
            Ok(())
        } else {
            Err(format!("{gauges:#?}"))
        }
    };
    eventually(DEADLINE, never_zero).await.unwrap();
    let first = gauges(&dashboard)[completed];
    once(&dashboard, completed, |at| at > first).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_redis_that_is_away_nothing_is_told() {
    let stage = Stage::filled().await.remove(0);
    let dashboard = Dashboard::over(&stage, &["--survey-seconds", "1"]);
    once(&dashboard, "billing_cache_keys", |_| true).await;
    stage.redis.stop().unwrap();
    let away = once(&dashboard, "billing_cache_redis_up", |up| up == 0.0).await;
    for unknown in ["redis_memory_used_bytes", "keys", "memory_bytes", "processes", "breakers_open"] {
        let unknown = format!("billing_cache_{unknown}");
        assert!(!away.contains_key(&unknown), "{unknown}: {away:#?}");
    }
    assert_eq!(away["billing_cache_database_up"], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_tables_the_database_is_not_up_and_nothing_waits_in_it() {
    let stage = Stage::bare();
    let dashboard = Dashboard::over(&stage, &[]);
    let gauges = gauges(&dashboard);
    assert_eq!(gauges["billing_cache_database_up"], 0.0);
    assert!(!gauges.contains_key("billing_cache_outbox_pending_rows"), "{gauges:#?}");
}
