//! The advice is from what was measured and from what production counted, and says so where that is not known.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::fixture::Stage;

fn advice<'a>(report: &'a Value, name: &str) -> &'a Value {
    let of_type = report["types"].as_array().unwrap().iter().find(|of_type| of_type["name"] == name).unwrap();
    &of_type["advice"]
}

/// Counters as the services add them up.
fn count_in_production(stage: &Stage, counts: &[(&str, u64)]) {
    let hour = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3600;
    for (name, count) in counts {
        let (cache_type, field) = name.split_once(':').unwrap();
        let key = format!("billing_cache:{{numbers}}:hour:{hour}:{cache_type}");
        stage.redis.command::<()>(&["HINCRBY", &key, field, &count.to_string()]).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_of_what_production_counted() {
    for stage in Stage::filled().await {
        count_in_production(&stage, &[("invoices:hit_l2", 600), ("invoices:miss", 600), ("invoices:invalidated", 100)]);
        let report = stage.report(&["--iterations", "300"]);
        let invoices = advice(&report, "invoices");
        let production = &invoices["production"];
        assert_eq!(
            [&production["reads"], &production["hits"], &production["misses"]],
            [1200, 600, 600],
            "{invoices:#}"
        );
        assert_eq!(invoices["ttl_seconds"], 300, "of production, not of the measurement");
        let effects = invoices["ttl_effects"].as_array().unwrap();
        let found: Vec<_> = effects.iter().map(|effect| [&effect["ttl_seconds"], &effect["loads_change"]]).collect();
        assert_eq!(found, [[&json!(600), &json!(-200.0)], [&json!(150), &json!(200.0)]]);
        let discounts = advice(&report, "active_discounts");
        assert_eq!((&discounts["production"], &discounts["ttl_effects"]), (&json!(null), &json!([])));
        let said = discounts["sentences"].to_string();
        assert!(said.contains("fewer than 20 reads of the last 24 h"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_measurement_adds_nothing_to_the_counters_of_production() {
    let stage = Stage::filled().await.remove(0);
    count_in_production(&stage, &[("invoices:hit_l2", 1)]);
    let counters = stage.keys_like("billing_cache:*");
    let before: Vec<String> = stage.redis.command(&["HGETALL", &counters[0]]).unwrap();
    stage.report(&["--iterations", "60"]);
    assert_eq!(stage.redis.command::<Vec<String>>(&["HGETALL", &counters[0]]).unwrap(), before);
    assert_eq!(stage.keys_like("*"), counters);
}
