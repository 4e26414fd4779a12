//! Redis or the database is away: services answer as long as they can, and tools say in one sentence what they tried.

use system_tests::{BILLING_SERVICE, Backend, CACHE_ADMIN, CACHE_MONITOR, Run, Site};

use crate::{cents, new_invoice, on_both_databases};

on_both_databases![
    without_redis_services_answer_from_the_database_and_return_to_it,
    without_redis_every_tool_says_where_it_looked,
];

/// Everything a tool can be asked that needs Redis.
const NEED_REDIS: [(&str, &str); 6] = [
    (CACHE_ADMIN, "seed --users 1 --invoices 1"),
    (CACHE_ADMIN, "stats"),
    (CACHE_ADMIN, "stats --format json"),
    (CACHE_ADMIN, "clear --type all"),
    (CACHE_ADMIN, "warmup"),
    (CACHE_MONITOR, "--iterations 10"),
];

fn without_redis_services_answer_from_the_database_and_return_to_it(backend: Backend) {
    let site = Site::seeded(backend);
    let service = site.program(BILLING_SERVICE).with("BILLING__CACHE__INVALIDATION_DEADLINE_MS", "50").serve();
    site.wait_until_redis_is_used(&service);
    let invoice = new_invoice(&service, "10.00");
    let before = service.invoice(invoice).from_tier("loaded");
    assert_eq!(service.invoice(invoice).from_tier("l2"), before);

    site.redis.stop().expect("Redis can be stopped");
    assert_eq!(service.invoice(invoice).from_tier("bypassed"), before);
    for path in ["/discounts/active", "/tax-rates/applicable?country=GB", "/users/1/credit-notes"] {
        service.get(path).from_tier("bypassed");
    }
    let paid = service.pay(invoice, "4.00", "during-the-outage").with_status(201);
    assert_eq!(paid.invalidation.as_deref(), Some("pending"));
    let after = service.invoice(invoice).from_tier("bypassed");
    assert_eq!(cents(&after["balance_due"]), 6_00);
    // A service that is started now works too.
    assert_eq!(site.program(BILLING_SERVICE).serve().invoice(invoice).from_tier("bypassed"), after);

    site.redis.restart().expect("Redis can be started again");
    site.eventually(|| {
        let read = service.invoice(invoice).with_status(200);
        assert_eq!(read.json(), after);
        (read.cache.as_deref() == Some("l2")).then_some(()).ok_or(format!("{:?}", read.cache))
    });
    assert_eq!(site.serve().invoice(invoice).from_tier("l2"), after);
    service.pay(invoice, "6.00", "after-the-outage").with_status(201);
    assert_eq!(service.invoice(invoice).from_tier("loaded")["status"], "paid");
}

fn without_redis_every_tool_says_where_it_looked(backend: Backend) {
    let site = Site::seeded(backend);
    site.redis.stop().expect("Redis can be stopped");
    let endpoint = format!("127.0.0.1:{}", site.redis.port());
    for (tool, arguments) in NEED_REDIS {
        let sentence = site.program(tool).run(arguments).sentence(3);
        assert!(sentence.contains(&endpoint) && sentence.contains("REDIS_PORT"), "{arguments}: {sentence}");
    }
    site.redis.restart().expect("Redis can be started again");
    assert_eq!(site.stats().keys("invoices"), 0);
}

#[test]
fn a_wrong_redis_password_is_told_and_never_shown() {
    let site = Site::with_redis(Backend::Sqlite, test_support::RedisServer::options().password("right-one"));
    site.seed();
    site.admin("warmup").fine();
    assert_eq!(site.stats().keys("invoices"), 60);
    for password in ["wrong-one", ""] {
        for (tool, arguments) in NEED_REDIS {
            let run = site.program(tool).with("REDIS_PASSWORD", password).run(arguments);
            assert_no_secret(&run, &["wrong-one", "right-one"]);
            let sentence = run.sentence(3);
            assert!(sentence.contains("REDIS_PASSWORD"), "{sentence}");
        }
    }
    // The service answers without it.
    let service = site.program(BILLING_SERVICE).with("REDIS_PASSWORD", "wrong-one").serve();
    service.invoice(1).from_tier("bypassed");
}

#[test]
fn without_the_database_the_tools_that_need_it_say_where_they_looked() {
    let site = Site::seeded(Backend::Sqlite);
    site.admin("warmup").fine();
    let away = |tool| site.program(tool).with("DATABASE_URL", "postgres://billing:secret-word@127.0.0.1:1/billing");
    let need_database = [
        (CACHE_ADMIN, "migrate"),
        (CACHE_ADMIN, "seed --users 1 --invoices 1"),
        (CACHE_ADMIN, "warmup"),
        (CACHE_MONITOR, "--iterations 10"),
    ];
    for (tool, arguments) in need_database {
        let run = away(tool).run(arguments);
        assert_no_secret(&run, &["secret-word"]);
        let sentence = run.sentence(3);
        assert!(
            sentence.contains("127.0.0.1:1/billing") && sentence.contains("DATABASE_URL"),
            "{arguments}: {sentence}"
        );
    }
    // The cache can be looked at and emptied meanwhile.
    away(CACHE_ADMIN).run("stats").fine();
    away(CACHE_ADMIN).run("clear --type all").fine();
    assert_eq!(site.stats().keys("invoices"), 0);
}

#[track_caller]
fn assert_no_secret(run: &Run, secrets: &[&str]) {
    for secret in secrets {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{run:#?}");
    }
}
