//! `verify`: what is wrong is found, with its fields, and repaired; what is right is not called wrong.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use billing_core::cached::{ActiveDiscounts, TaxRateKey, TaxRates};
use serde_json::{Value, json};
use test_support::{eventually, json_schema};

use crate::golden;
use crate::harness::{Run, Stage, for_each_backend, named};

impl Stage {
    /// The JSON of a verification with this exit code, which is as its schema says.
    fn verify(&self, code: i32, arguments: &[&str]) -> Value {
        let run = self.run(&[&["verify", "--format", "json"], arguments].concat());
        assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{run:?}");
        let report = run.json();
        assert_eq!(json_schema::violations(&json_schema::load("cache-admin-verify"), &report), [""; 0], "{report:#}");
        report
    }

    /// A seeded database with all that warm-up takes in the cache, and nothing on its way.
    fn warm(&self) {
        self.run(&["migrate"]).assert_fine();
        self.run(&["seed", "--users", "50", "--invoices", "300", "--now", crate::harness::NOW]).assert_fine();
        self.run(&["warmup"]).assert_fine();
    }
}

fn tally(report: &Value, name: &str) -> [u64; 6] {
    let row = named(&report["types"], name);
    ["checked", "right", "stale", "pending", "undecodable", "gone"].map(|column| row[column].as_u64().unwrap())
}

#[tokio::test]
async fn a_warm_cache_is_right() {
    for_each_backend(async |stage| {
        stage.warm();
        let report = stage.verify(0, &["--all"]);
        assert_eq!(tally(&report, "invoices"), [300, 300, 0, 0, 0, 0]);
        let total = &report["total"];
        assert_eq!(
            (&total["right_share"], &total["nines"], &report["findings"]),
            (&json!(1.0), &Value::Null, &json!([]))
        );
        assert_eq!(total["checked"], total["right"]);
        let invoices = named(&report["types"], "invoices");
        assert_eq!((&invoices["sampled"], &invoices["right_share_at_least"]), (&json!(false), &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn a_sample_says_how_sure_it_is() {
    let stage = Stage::sqlite();
    stage.warm();
    let report = stage.verify(0, &["--sample", "60"]);
    assert_eq!((&report["sample"], tally(&report, "invoices")), (&json!(60), [60, 60, 0, 0, 0, 0]));
    let invoices = named(&report["types"], "invoices");
    // The rule of three: 1 - 3/60.
    assert_eq!((&invoices["sampled"], &invoices["right_share_at_least"]), (&json!(true), &json!(0.95)));
    assert_eq!(named(&report["types"], "active_discounts")["sampled"], false, "there is only one");
    assert_eq!(stage.verify(0, &["--type", "credit_notes"])["types"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_changed_by_hand_is_found_and_repaired() {
    for_each_backend(async |stage| {
        stage.with_cached_invoice().await;
        stage.set("tax_rate:GB:default", 600);
        stage.falsify("invoice:1", r#""amount":"10.00""#, r#""amount":"11.00""#);
        stage.redis.command::<()>(&["SET", "active_discounts", "{}", "EX", "600"]).unwrap();
        stage.execute("DELETE FROM cache_invalidations").await;
        let run = stage.run(&["verify", "--all"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{run:?}");
        golden::assert(Path::new("verify/wrong.txt"), &run.stdout);
        golden::assert(Path::new("verify/wrong.json"), &format!("{:#}\n", stage.verify(1, &["--all"])));
        assert!(stage.exists("invoice:1"), "nothing is repaired unless asked for");
        stage.set("lease:{invoice:1}", 60);
        let report = stage.verify(1, &["--all", "--repair"]);
        assert_eq!(named(&report["types"], "invoices")["repaired"], 1);
        assert_eq!(report["total"]["repaired"], 2);
        for key in ["invoice:1", "lease:{invoice:1}", "active_discounts"] {
            assert!(!stage.exists(key), "{key} is still there");
        }
        assert!(stage.exists("tax_rate:GB:default"), "what is right stays");
        assert_eq!(stage.verify(0, &["--all", "--repair"])["total"]["checked"], 1);
    })
    .await;
}

#[tokio::test]
async fn a_missed_invalidation_is_found() {
    for_each_backend(async |stage| {
        stage.with_cached_invoice().await;
        let without_trigger = match stage.database.backend_name() {
            "sqlite" => "DROP TRIGGER billing_cache_payments_update",
            _ => "ALTER TABLE payments DISABLE TRIGGER ALL",
        };
        stage.execute("DELETE FROM cache_invalidations").await;
        stage.execute(&format!("{without_trigger}; UPDATE payments SET amount = 30 WHERE id = 2")).await;
        let report = stage.verify(1, &["--all"]);
        let paths: Vec<&Value> =
            report["findings"][0]["fields"].as_array().unwrap().iter().map(|field| &field["path"]).collect();
        assert_eq!(paths, ["payments[1].amount", "total_paid", "balance_due"]);
        stage.verify(1, &["--all", "--repair"]);
        let service = billing_core::service::BillingService::without_relay(stage.open_cache().await);
        let details = service.invoice_details(1).await.unwrap().value.unwrap();
        assert_eq!(details.total_paid.to_string(), "40.00");
        assert_eq!(stage.verify(0, &["--all"])["total"]["right"], 1);
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_its_invalidation_is_pending_and_no_fault() {
    let stage = Stage::sqlite();
    stage.with_cached_invoice().await;
    stage.execute("UPDATE invoices SET amount = 90 WHERE id = 1").await;
    let report = stage.verify(0, &["--all", "--repair"]);
    assert_eq!(tally(&report, "invoices"), [1, 0, 0, 1, 0, 0]);
    let finding = &report["findings"][0];
    assert_eq!((&finding["outcome"], &finding["key"]), (&json!("pending"), &json!("invoice:1")));
    assert!(finding["pending_seconds"].is_number(), "{finding}");
    assert!(stage.exists("invoice:1"), "the relay will do it");
}

#[tokio::test]
async fn more_findings_than_are_listed_are_counted() {
    let stage = Stage::sqlite();
    stage.run(&["migrate"]).assert_fine();
    let mset: Vec<String> = (1..=1_030).flat_map(|id| [format!("invoice:{id}"), "rubbish".to_owned()]).collect();
    let command: Vec<&str> = ["MSET"].into_iter().chain(mset.iter().map(String::as_str)).collect();
    stage.redis.command::<()>(&command).unwrap();
    let report = stage.verify(1, &["--type", "invoices", "--all"]);
    let listed = report["findings"].as_array().unwrap().len();
    assert_eq!((listed, &report["findings_omitted"]), (1_000, &json!(30)));
    let run = stage.run(&["verify", "--type", "invoices", "--all"]);
    assert!(run.stdout.ends_with("and 1,010 further values; --format json lists 1,000\n"), "{}", run.stdout);
}

#[tokio::test]
async fn other_types_and_the_keys_of_others_are_left_alone() {
    let stage = Stage::sqlite();
    let service = stage.with_cached_invoice().await;
    let key = TaxRateKey { country: "GB".parse().unwrap(), region: None };
    service.cache().get::<TaxRates>(&key).await.unwrap();
    service.cache().get::<ActiveDiscounts>(&billing_cache::SingleKey).await.unwrap();
    for foreign in ["session:1", "invoice:1:2", "invoices:1", "lease:{session:1}"] {
        stage.redis.command::<()>(&["SET", foreign, "rubbish"]).unwrap();
    }
    assert_eq!(stage.verify(0, &["--type", "tax_rates", "--all", "--repair"])["total"]["checked"], 1);
    assert_eq!(stage.verify(0, &["--all", "--repair", "--rate", "1000"])["total"]["checked"], 3);
}

#[test]
fn what_cannot_be_reached_is_named() {
    let stage = Stage::sqlite();
    let run = stage.run(&["verify"]);
    assert!(run.assert_error(3).contains("run `cache-admin migrate`"), "{run:?}");
    stage.run(&["migrate"]).assert_fine();
    let run = stage.run_with(&["verify"], &[("REDIS_PORT", "1")]);
    assert!(run.assert_error(3).starts_with("cannot use Redis at "), "{run:?}");
    for arguments in
        [&["verify", "--all", "--sample", "1"][..], &["verify", "--sample", "0"], &["verify", "--rate", "0"]]
    {
        assert_eq!(stage.run(arguments).code, Some(2), "{arguments:?}");
    }
}

/// The pace holds the comparison up, so that the command is at work when Ctrl-C comes.
#[tokio::test]
async fn ctrl_c_shows_what_was_found_so_far() {
    let stage = Stage::sqlite();
    stage.warm();
    let mut command = stage.command(&["verify", "--all", "--rate", "10", "--format", "json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let walks = || async { stage.redis.command_stats().unwrap().get("scan").is_some_and(|stats| stats.calls > 0) };
    eventually(Duration::from_secs(30), walks).await.unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(130), "error: interrupted: nothing was changed\n"), "{run:?}");
    let report = run.json();
    assert_eq!(json_schema::violations(&json_schema::load("cache-admin-verify"), &report), [""; 0]);
    assert_eq!(report["complete"], false);
    assert!(report["total"]["checked"].as_u64().unwrap() < 300, "{report}");
}
