//! A day with the product: an operator's commands and a customer's payment, in the order in which they come.

use serde_json::Value;
use system_tests::{Backend, CACHE_ADMIN, CACHE_MONITOR, Client, Site};

use crate::{amount, cents, on_both_databases, open_invoice};

on_both_databases![
    an_operator_and_a_customer_get_through_their_day,
    migrating_and_warming_up_again_changes_nothing,
    some_values_are_cleared_by_their_ids,
    the_platforms_spelling_of_the_database_url_means_the_same_database,
    people_read_tables_with_every_cached_type,
];

const TYPES: [&str; 4] = ["tax_rates", "active_discounts", "invoices", "user_credit_notes"];

fn an_operator_and_a_customer_get_through_their_day(backend: Backend) {
    let site = Site::empty(backend);
    site.seed();
    site.admin("warmup").fine();
    everything_is_warm(&site);
    the_monitor_measures_and_leaves_nothing(&site);
    let (first, second) = (site.serve(), site.serve());
    reads_hit(&site, &first);
    a_payment_is_seen_by_everybody(&site, &first, &second);
    clearing_one_type_leaves_the_others(&site);
    assert_eq!(first.get("/discounts/active").from_tier("l2"), second.get("/discounts/active").from_tier("l2"));
    site.admin("clear --type all").fine();
    assert_eq!(site.stats().all_keys(), TYPES.map(|name| (name.to_owned(), 0)));
    first.terminate();
    second.terminate();
    no_command_stalled_the_server_or_emptied_it(&site);
}

fn everything_is_warm(site: &Site) {
    let stats = site.stats();
    assert_eq!(stats.keys("invoices"), 60);
    assert_eq!(stats.keys("active_discounts"), 1);
    for name in ["tax_rates", "user_credit_notes"] {
        assert!(stats.keys(name) > 0, "{name}: {stats:?}");
    }
    assert_eq!((stats.number("leases"), stats.number("foreign")), (0, 0));
}

fn the_monitor_measures_and_leaves_nothing(site: &Site) {
    let before = site.redis_keys("*");
    let report = site.monitor("--iterations 100 --seed 7 --format json --json report.json").json();
    let file =
        std::fs::read_to_string(site.directory().join("report.json")).expect("the report is written to the file");
    assert_eq!(serde_json::from_str::<Value>(&file).expect("it is JSON"), report);
    assert_eq!(report["workload"]["iterations"], 100);
    let types = report["types"].as_array().expect("a list of types");
    assert_eq!(types.iter().map(|row| row["name"].as_str().unwrap_or_default()).collect::<Vec<_>>(), TYPES);
    for row in types {
        let requests = &row["measured"]["requests"];
        assert_eq!(requests["requests"], 100, "{row}");
        let answered: u64 = ["hits", "misses", "bypassed"].iter().filter_map(|how| requests[how].as_u64()).sum();
        assert_eq!(answered, 100, "{row}");
    }
    assert_eq!(site.redis_keys("*"), before);
}

fn reads_hit(site: &Site, client: &Client) {
    let invoice = open_invoice(site);
    let user = site.number("SELECT min(user_id) FROM credit_notes");
    let paths = [
        format!("/invoices/{invoice}/details"),
        format!("/users/{user}/credit-notes"),
        "/discounts/active".to_owned(),
        "/tax-rates/applicable?country=GB".to_owned(),
    ];
    for path in paths {
        let read = client.get(&path).from_tier("l2");
        assert!(read.is_object() || read.as_array().is_some_and(|list| !list.is_empty()), "{path}: {read}");
    }
}

fn a_payment_is_seen_by_everybody(site: &Site, first: &Client, second: &Client) {
    let invoice = open_invoice(site);
    let before = second.invoice(invoice).from_tier("l2");
    let due = cents(&before["balance_due"]);
    assert!(due > 1, "{before}");
    let paid = first.pay(invoice, &amount(due - 1), "a-day-1").with_status(201);
    assert_eq!(paid.invalidation.as_deref(), Some("done"));
    let after = second.invoice(invoice).from_tier("loaded");
    assert_eq!(cents(&after["balance_due"]), 1);
    assert_eq!(first.invoice(invoice).from_tier("l2"), after);
    first.pay(invoice, "0.01", "a-day-2").with_status(201);
    let settled = second.invoice(invoice).from_tier("loaded");
    assert_eq!((&settled["status"], &settled["balance_due"]), (&Value::from("paid"), &Value::from("0.00")));
    first.pay(invoice, "0.01", "a-day-3").with_status(422);
}

fn clearing_one_type_leaves_the_others(site: &Site) {
    let without_invoices =
        |keys: Vec<(String, u64)>| -> Vec<_> { keys.into_iter().filter(|(name, _)| name != "invoices").collect() };
    let before = site.stats();
    assert_eq!(before.keys("invoices"), 60);
    site.admin("clear --type invoices --dry-run").fine();
    assert_eq!(site.stats().all_keys(), before.all_keys());
    site.admin("clear --type invoices").fine();
    let after = site.stats();
    assert_eq!(after.keys("invoices"), 0);
    assert_eq!(without_invoices(after.all_keys()), without_invoices(before.all_keys()));
}

fn no_command_stalled_the_server_or_emptied_it(site: &Site) {
    let commands = site.redis.command_stats().expect("Redis tells its statistics");
    for never in ["keys", "flushdb", "flushall"] {
        assert!(!commands.contains_key(never), "{never} was used");
    }
    assert!(commands.contains_key("scan"), "{commands:?}");
}

fn migrating_and_warming_up_again_changes_nothing(backend: Backend) {
    let site = Site::seeded(backend);
    let outbox = site.number("SELECT count(*) FROM cache_invalidations");
    site.admin("migrate").fine();
    assert_eq!(site.number("SELECT count(*) FROM invoices"), 60);
    assert_eq!(site.number("SELECT count(*) FROM cache_invalidations"), outbox);
    site.admin("warmup --type invoices --limit 10").fine();
    assert_eq!((site.stats().keys("invoices"), site.stats().keys("tax_rates")), (10, 0));
    let keys = site.redis_keys("invoice:*");
    let values: Vec<_> = keys.iter().map(|key| site.redis_value(key)).collect();
    site.admin("warmup --type invoices --limit 10").fine();
    assert_eq!(site.redis_keys("invoice:*"), keys);
    assert_eq!(keys.iter().map(|key| site.redis_value(key)).collect::<Vec<_>>(), values);
}

fn some_values_are_cleared_by_their_ids(backend: Backend) {
    let site = Site::seeded(backend);
    site.admin("warmup").fine();
    let before = site.redis_keys("*");
    let newest = site.number("SELECT max(id) FROM invoices");
    site.admin(&format!("clear --type invoices --id {newest} {} --dry-run", newest - 1)).fine();
    assert_eq!(site.redis_keys("*"), before);
    site.admin(&format!("clear --type invoices --id {newest} {}", newest - 1)).fine();
    site.admin("clear --type tax_rates --id GB:default").fine();
    let gone = [format!("invoice:{newest}"), format!("invoice:{}", newest - 1), "tax_rate:GB:default".to_owned()];
    let expected: Vec<_> = before.into_iter().filter(|key| !gone.contains(key)).collect();
    assert_eq!(site.redis_keys("*"), expected);
}

/// As SQLAlchemy has it: slashes are counted, and a driver may be named.
fn the_platforms_spelling_of_the_database_url_means_the_same_database(backend: Backend) {
    let site = Site::seeded(backend);
    let ours = site.database_url().trim_end_matches("?mode=rwc");
    let theirs = match backend {
        Backend::Sqlite => ["sqlite:///", "sqlite+pysqlite:///"].map(|scheme| ours.replace("sqlite://", scheme)),
        Backend::Postgres => {
            ["postgresql://", "postgresql+asyncpg://"].map(|scheme| ours.replace("postgres://", scheme))
        }
    };
    for url in theirs {
        site.admin("clear --type all").fine();
        site.program(CACHE_ADMIN).with("DATABASE_URL", &url).run("warmup").fine();
        assert_eq!(site.stats().keys("invoices"), 60, "{url}");
    }
}

fn people_read_tables_with_every_cached_type(backend: Backend) {
    let site = Site::seeded(backend);
    for (tool, arguments) in [
        (CACHE_ADMIN, "warmup"),
        (CACHE_ADMIN, "stats"),
        (CACHE_MONITOR, "--iterations 30"),
        (CACHE_ADMIN, "clear --type all"),
    ] {
        let text = site.program(tool).run(arguments).fine();
        for name in TYPES {
            assert!(text.contains(name), "{name} is not in what {tool} {arguments} shows: {text}");
        }
        assert!(!text.contains('\u{1b}'), "{arguments} sends colours where no terminal is: {text}");
    }
}
