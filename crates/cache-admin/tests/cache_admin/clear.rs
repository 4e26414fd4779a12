//! `clear`: exactly our keys of the chosen types, with their leases.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::eventually;

use crate::harness::{Run, Stage, named};

const OURS: [&str; 6] = [
    "tax_rate:GB:default",
    "tax_rate:ES:Canarias",
    "active_discounts",
    "invoice:1",
    "invoice:2",
    "user_credit_notes:1",
];
const FOREIGN: [&str; 7] = [
    "session:1",
    "invoice",
    "invoice:1:2",
    "invoices:1",
    "invoice:one",
    "lease:{session:1}",
    "billing_cache:{numbers}:hour:1:invoices",
];

fn filled() -> Stage {
    let stage = Stage::sqlite();
    for key in OURS.iter().chain(&FOREIGN) {
        stage.set(key, 600);
    }
    stage.set("lease:{invoice:2}", 600);
    stage.set("lease:{invoice:3}", 600);
    stage
}

fn cleared(report: &Value, name: &str) -> (u64, u64) {
    let row = named(&report["types"], name);
    (row["values"].as_u64().unwrap(), row["leases"].as_u64().unwrap())
}

#[test]
fn all_removes_ours_and_leaves_the_keys_of_others() {
    let stage = filled();
    let report = stage.json(&["clear", "--type", "all"]);
    assert_eq!((cleared(&report, "tax_rates"), cleared(&report, "active_discounts")), ((2, 0), (1, 0)));
    assert_eq!((cleared(&report, "invoices"), cleared(&report, "user_credit_notes")), ((2, 2), (1, 0)));
    for key in OURS.iter().chain(&["lease:{invoice:2}", "lease:{invoice:3}"]) {
        assert!(!stage.exists(key), "{key} is still there");
    }
    for key in FOREIGN {
        assert!(stage.exists(key), "{key} is gone");
    }
}

#[test]
fn one_type_by_name_or_alias() {
    for name in ["active_discounts", "discounts"] {
        let stage = filled();
        let run = stage.run(&["clear", "--type", name]);
        run.assert_fine();
        assert!(run.stdout.contains("│ active_discounts ┆              1 ┆              0 │"), "{}", run.stdout);
        assert!(!stage.exists("active_discounts") && stage.exists("invoice:1"));
    }
}

#[test]
fn single_values_by_id() {
    let stage = filled();
    let report = stage.json(&["clear", "--type", "invoices", "--id", "2", "--id", "2", "99"]);
    assert_eq!(cleared(&report, "invoices"), (1, 1));
    assert!(!stage.exists("invoice:2") && stage.exists("invoice:1") && stage.exists("lease:{invoice:3}"));
    let report = stage.json(&["clear", "--type", "tax_rates", "--id", "GB:default"]);
    assert_eq!(cleared(&report, "tax_rates"), (1, 0));
    assert!(stage.exists("tax_rate:ES:Canarias"));
}

#[test]
fn a_dry_run_counts_the_same_and_removes_nothing() {
    let stage = filled();
    for arguments in [&["clear", "--type", "all"][..], &["clear", "--type", "invoices", "--id", "2", "99"]] {
        let dry = stage.json(&[arguments, &["--dry-run"]].concat());
        assert_eq!(dry["dry_run"], true);
        assert!(stage.exists("invoice:2") && stage.exists("lease:{invoice:2}"));
        let text = stage.run(&[arguments, &["--dry-run"]].concat());
        assert!(text.stdout.contains("values to remove"), "{text:?}");
        if arguments.len() > 3 {
            assert_eq!(dry["types"], stage.json(arguments)["types"]);
        } else {
            assert_eq!(cleared(&dry, "invoices"), (2, 2));
        }
    }
}

#[test]
fn what_is_no_id_of_the_type_is_named() {
    let stage = filled();
    for (name, id) in
        [("invoices", "042"), ("invoices", "*"), ("tax_rates", "GB"), ("tax_rates", "UK:default"), ("discounts", "1")]
    {
        let run = stage.run(&["clear", "--type", name, "--id", "1", id]);
        let run = if name == "invoices" { run } else { stage.run(&["clear", "--type", name, "--id", id]) };
        assert!(run.assert_error(2).starts_with(&format!("{id:?} is no id of ")), "{run:?}");
    }
    let run = stage.run(&["clear", "--type", "all", "--id", "1"]);
    assert!(run.assert_error(2).starts_with("--id needs one --type"), "{run:?}");
    assert_eq!(stage.json(&["stats"])["types"][2]["keys"], json!(2), "nothing was removed");
}

/// The server is paused, so that the command is at work when Ctrl-C comes.
#[tokio::test]
async fn ctrl_c_says_what_it_means_and_ends_at_once() {
    let stage = filled();
    stage.redis.pause().unwrap();
    let patient = [("BILLING__REDIS__CONNECT_TIMEOUT_MS", "60000"), ("BILLING__REDIS__BATCH_TIMEOUT_MS", "60000")];
    let mut command = stage.command(&["clear", "--type", "all"]);
    let child = command.envs(patient).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    eventually(Duration::from_secs(10), || async move { catches_interrupts(pid) }).await.unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!(run.assert_error(130), "interrupted: what was removed stays removed");
    stage.redis.resume().unwrap();
}

/// Whether the process has a handler for SIGINT, which is bit 1 of the mask that Linux shows.
fn catches_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 0b10 != 0)
}

#[test]
fn a_value_is_named_by_its_id_or_by_its_key() {
    let stage = Stage::sqlite();
    for named in ["DE:default", "tax_rate:DE:default"] {
        stage.set("tax_rate:DE:default", 100);
        stage.run(&["clear", "--type", "tax_rates", "--id", named]).assert_fine();
        assert!(!stage.exists("tax_rate:DE:default"), "{named}");
    }
    let run = stage.run(&["clear", "--type", "tax_rates", "--id", "DE"]);
    assert!(run.assert_error(2).ends_with("; write DE:default"), "{run:?}");
    let run = stage.run(&["clear", "--type", "invoices", "--id", "tax_rate:DE:default"]);
    assert!(run.assert_error(2).contains("is no id of invoices"), "{run:?}");
}
