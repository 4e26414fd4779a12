//! The files for Prometheus and Grafana, and the page that explains the metrics, against what a running service and a
//! running dashboard export.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use system_tests::{BILLING_SERVICE, Backend, CACHE_MONITOR, Metrics, Service, Site};
use yaml_rust2::{Yaml, YamlLoader};

use crate::{on_both_databases, open_invoice};

on_both_databases![the_dashboard_tells_what_no_service_knows];

const ALERTS: &str = "config/prometheus-alerts.yaml";
const ALERT_TESTS: &str = "config/prometheus-alerts.test.yaml";
const GRAFANA: &str = "config/grafana-dashboard.json";
const MANUAL: &str = "docs/metrics.md";
const OPERATIONS: &str = "docs/operations.md";

/// Labels that Prometheus adds to what it scrapes.
const OF_PROMETHEUS: [&str; 2] = ["instance", "job"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace")
}

fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn dashboard(site: &Site) -> Service {
    site.program(CACHE_MONITOR).serve_by("dashboard --survey-seconds 1 --audit-seconds 1")
}

/// What a service and a dashboard export: labels by name of the series.
fn exported() -> (Metrics, Metrics) {
    let site = Site::seeded(Backend::Sqlite);
    let with_l1 = ("BILLING__CACHE__TYPES__ACTIVE_DISCOUNTS__L1", "true");
    let service = site.program(BILLING_SERVICE).with(with_l1.0, with_l1.1).serve();
    let dashboard = dashboard(&site);
    let watching = site.eventually(|| {
        let metrics = Metrics::of(&site, &dashboard);
        let is_surveyed = metrics.names().contains_key("billing_cache_keys");
        if is_surveyed && metrics.value("billing_cache_database_up", "") == 1.0 {
            Ok(metrics)
        } else {
            Err(metrics.text)
        }
    });
    (Metrics::of(&site, &service), watching)
}

fn all_names((service, dashboard): &(Metrics, Metrics)) -> BTreeMap<String, BTreeSet<String>> {
    let mut names = service.names();
    for (name, labels) in dashboard.names() {
        names.entry(name).or_default().extend(labels);
    }
    names
}

fn the_dashboard_tells_what_no_service_knows(backend: Backend) {
    let site = Site::seeded(backend);
    let service = site.program(BILLING_SERVICE).with("BILLING__CACHE__COUNTERS_FLUSH_MS", "100").serve();
    site.wait_until_redis_is_used(&service);
    service.invoice(open_invoice(&site)).from_tier("loaded");
    let dashboard = dashboard(&site);
    let wanted = [
        ("billing_cache_redis_up", "", 1.0),
        ("billing_cache_database_up", "", 1.0),
        ("billing_cache_keys", "type=invoices", 1.0),
        ("billing_cache_processes", "", 1.0),
        ("billing_cache_breakers_open", "", 0.0),
        ("billing_cache_redis_memory_limit_bytes", "", 0.0),
        ("billing_cache_redis_evicted_keys_total", "", 0.0),
        ("billing_cache_outbox_pending_rows", "", 0.0),
        ("billing_cache_audit_interval_seconds", "", 1.0),
        ("billing_cache_audited_values_total", "type=invoices outcome=stale", 0.0),
    ];
    let metrics = site.eventually(|| {
        // A page that is looked at is looked after.
        dashboard.page("/api/history?range=15m").with_status(200);
        let metrics = Metrics::of(&site, &dashboard);
        let known = |name: &str| metrics.names().contains_key(name);
        let is_told = wanted.iter().all(|(name, labels, value)| known(name) && metrics.value(name, labels) == *value);
        let is_audited = known("billing_cache_audit_completed_timestamp_seconds")
            && metrics.value("billing_cache_audited_values_total", "type=invoices outcome=right") >= 1.0;
        if is_told && is_audited { Ok(metrics) } else { Err(metrics.text) }
    });
    assert!(metrics.value("billing_cache_memory_bytes", "type=invoices") > 0.0);
    assert!(metrics.value("billing_cache_redis_memory_used_bytes", "") > 0.0);

    site.redis.stop().expect("Redis can be stopped");
    let away = site.eventually(|| {
        dashboard.page("/api/history?range=15m").with_status(200);
        let metrics = Metrics::of(&site, &dashboard);
        if metrics.value("billing_cache_redis_up", "") == 0.0 { Ok(metrics) } else { Err(metrics.text) }
    });
    assert_eq!(away.families["billing_cache_redis_memory_used_bytes"].samples, []);
    assert_eq!(away.families["billing_cache_processes"].samples, []);
}

#[test]
fn the_manual_lists_exactly_what_is_exported() {
    let (service, dashboard) = exported();
    let of = |metrics: &Metrics| -> BTreeSet<String> { metrics.families.iter().map(row).collect() };
    let both: BTreeSet<String> = of(&service).intersection(&of(&dashboard)).cloned().collect();
    let only = |metrics: &Metrics| of(metrics).difference(&both).cloned().collect::<BTreeSet<_>>();
    assert_eq!(rows_of_section("## Of a service\n"), only(&service));
    assert_eq!(rows_of_section("## Of the dashboard\n"), only(&dashboard));
    assert_eq!(rows_of_section("## Of a service and of the dashboard\n"), both);
}

/// A metric as a row of the manual begins.
fn row((name, family): (&String, &system_tests::Family)) -> String {
    let suffix = match family.kind.as_str() {
        "counter" => "_total",
        "info" => "_info",
        _ => "",
    };
    let labels: BTreeSet<&str> =
        family.samples.iter().flat_map(|sample| sample.labels.keys()).map(String::as_str).collect();
    let labels: Vec<&str> = labels.into_iter().filter(|label| *label != "le").collect();
    format!("{name}{suffix} {labels:?} {}", family.kind)
}

fn rows_of_section(title: &str) -> BTreeSet<String> {
    let manual = file(MANUAL);
    let section = manual.split_once(title).unwrap_or_else(|| panic!("no {title}")).1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<String> = line.split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect();
        let labels: BTreeSet<&str> = cells[2].split(", ").filter(|label| !label.is_empty()).collect();
        format!("{} {:?} {}", cells[1], Vec::from_iter(labels), cells[3])
    })
    .collect()
}

#[test]
fn alerts_and_panels_speak_only_of_what_is_exported() {
    let names = all_names(&exported());
    let (alerts, panels) = (alert_expressions(), panel_expressions());
    assert!(alerts.len() > 8 && panels.len() > 30, "{} and {}", alerts.len(), panels.len());
    for (place, expression) in alerts.iter().chain(&panels) {
        let used = used_by(expression);
        assert!(!used.is_empty() || expression.contains("type:billing_cache_"), "{place}: {expression}");
        for (metric, labels) in used {
            let known = names.get(&metric).unwrap_or_else(|| panic!("{place}: nobody exports {metric}: {expression}"));
            for label in labels {
                let known = known.contains(&label) || OF_PROMETHEUS.contains(&label.as_str());
                assert!(known, "{place}: {metric} has no label {label}: {expression}");
            }
        }
    }
}

#[test]
fn alerts_fire_when_their_cause_is_there_and_only_then() {
    let output = Command::new("promtool").args(["test", "rules", ALERT_TESTS]).current_dir(root()).output();
    let output = output.expect("promtool is in PATH; `cargo xtask test` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tests = file(ALERT_TESTS);
    for rule in rules() {
        let Some(name) = rule["alert"].as_str() else { continue };
        assert!(tests.contains(&format!(r#"alertname="{name}""#)), "{ALERT_TESTS} has no case in which {name} fires");
    }
}

#[test]
fn each_alert_says_what_is_wrong_what_to_do_and_where_to_read_on() {
    let operations = file(OPERATIONS);
    let records: BTreeSet<String> =
        rules().iter().filter_map(|rule| rule["record"].as_str()).map(str::to_owned).collect();
    for rule in rules().iter().filter(|rule| rule["record"].is_badvalue()) {
        let name = rule["alert"].as_str().expect("a rule is a record or an alert");
        let said = |field: &str| rule["annotations"][field].as_str().unwrap_or_else(|| panic!("{name} has no {field}"));
        assert!(said("summary").ends_with('.') && said("description").len() > 60, "{name}");
        assert_eq!(said("runbook"), format!("{OPERATIONS}#{}", name.to_lowercase()));
        let section = operations.split_once(&format!("\n### {name}\n")).map(|(_, rest)| rest);
        let section = section.unwrap_or_else(|| panic!("{OPERATIONS} has no section {name}"));
        let section = section.split("\n#").next().unwrap_or_default();
        let steps = ["- **Cause**:", "- **Look**:", "- **Remedy**:"].map(|step| section.find(step));
        assert!(steps.is_sorted() && steps[0].is_some(), "{name}: cause, look, remedy: {section}");
        assert!(["warning", "critical"].contains(&rule["labels"]["severity"].as_str().unwrap_or_default()), "{name}");
        for word in rule["expr"].as_str().expect("an alert has an expression").split(|it: char| " ()[\n".contains(it)) {
            assert!(!word.starts_with("type:") || records.contains(word), "{name}: nobody records {word}");
        }
    }
}

fn rules() -> Vec<Yaml> {
    let document = YamlLoader::load_from_str(&file(ALERTS)).unwrap_or_else(|error| panic!("{ALERTS}: {error}"));
    let groups = document[0]["groups"].as_vec().expect("a list of groups").clone();
    groups.iter().flat_map(|group| group["rules"].as_vec().expect("a list of rules").clone()).collect()
}

fn alert_expressions() -> Vec<(String, String)> {
    let text = |rule: &Yaml, field: &str| rule[field].as_str().map(str::to_owned);
    let named = |rule: &Yaml| text(rule, "alert").or_else(|| text(rule, "record")).expect("a rule has a name");
    rules().iter().map(|rule| (named(rule), text(rule, "expr").expect("a rule has an expression"))).collect()
}

fn panel_expressions() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&file(GRAFANA)).unwrap_or_else(|error| panic!("{GRAFANA}: {error}"));
    let panels = dashboard["panels"].as_array().expect("a list of panels").iter();
    let of_panel = |panel: &Value| -> Vec<(String, String)> {
        let title = panel["title"].as_str().expect("a panel has a title").to_owned();
        let targets = panel["targets"].as_array().into_iter().flatten();
        let text = |target: &Value| target["expr"].as_str().expect("a target has an expression").to_owned();
        assert!(panel["type"] == "row" || panel["description"].is_string(), "{title} says what it shows");
        targets.map(|target| (title.clone(), text(target))).collect()
    };
    let variables = dashboard["templating"]["list"].as_array().expect("a list of variables").iter();
    let queries = variables.filter_map(|it| it["definition"].as_str()).map(|query| ("variable".into(), query.into()));
    panels.flat_map(of_panel).chain(queries).collect()
}

/// The metrics of an expression of PromQL, with the labels it selects and groups each by. Not a parser: names of ours
/// are found by their prefix, the labels of a selector stand in braces behind them, and those of an aggregation in `by
/// (…)` before them.
fn used_by(expression: &str) -> Vec<(String, BTreeSet<String>)> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == ':';
    let mut used = Vec::new();
    for (at, _) in expression.match_indices("billing_cache_") {
        // The name of a recording rule has a level before it.
        if expression[..at].ends_with(is_word) {
            continue;
        }
        let (name, rest) =
            expression[at..].split_at(expression[at..].find(|it| !is_word(it)).unwrap_or(expression.len() - at));
        let selector = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(inside, _)| inside);
        let selected = selector.split(", ").filter_map(|matcher| matcher.split(['=', '!']).next());
        let grouped = expression[..at].rsplit_once("by (").and_then(|(_, rest)| rest.split_once(')'));
        let grouped = grouped.map_or("", |(inside, _)| inside).split(", ");
        let labels = selected.chain(grouped).filter(|label| !label.is_empty()).map(str::to_owned);
        used.push((name.to_owned(), labels.collect()));
    }
    used
}

#[test]
fn names_and_labels_are_found_in_expressions() {
    let expression =
        r#"sum by (type, le) (rate(billing_cache_a_total{tier=~"l1|l2", type!="x"}[5m])) / billing_cache_b"#;
    let found: Vec<(String, Vec<String>)> =
        used_by(expression).into_iter().map(|(name, labels)| (name, labels.into_iter().collect())).collect();
    let expected = [("billing_cache_a_total", vec!["le", "tier", "type"]), ("billing_cache_b", vec!["le", "type"])];
    assert_eq!(found.len(), 2);
    for ((name, labels), (wanted, wanted_labels)) in found.iter().zip(expected) {
        assert_eq!((name.as_str(), labels.iter().map(String::as_str).collect::<Vec<_>>()), (wanted, wanted_labels));
    }
}
