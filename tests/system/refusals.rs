//! Wrong usage, wrong settings, a database that is not ready: one sentence, the right exit code, nothing changed.

use std::ffi::OsString;
use std::time::Duration;

use system_tests::{BILLING_SERVICE, Backend, CACHE_ADMIN, CACHE_MONITOR, Site};

use crate::on_both_databases;

on_both_databases![a_database_without_tables_is_told_what_to_do, an_empty_database_has_nothing_to_measure];

#[test]
fn wrong_arguments_are_told_and_end_with_2() {
    let site = Site::seeded(Backend::Sqlite);
    site.admin("warmup").fine();
    let before = site.stats().all_keys();
    for (tool, arguments, told) in [
        (CACHE_ADMIN, "clear --type invoice", "user_credit_notes"),
        (CACHE_ADMIN, "clear", "--type"),
        (CACHE_ADMIN, "clear --type all --id 1", "--id"),
        (CACHE_ADMIN, "clear --type invoices --id abc", "invoice:{invoice_id}"),
        (CACHE_ADMIN, "clear --type tax_rates --id gb:default", "tax_rate:{country}:{region}"),
        (CACHE_ADMIN, "warmup --type invoice", "user_credit_notes"),
        (CACHE_ADMIN, "warmup --limit 0", "--limit"),
        (CACHE_ADMIN, "seed --users many --invoices 1", "--users"),
        (CACHE_ADMIN, "stats --format xml", "json"),
        (CACHE_ADMIN, "flush", "flush"),
        (CACHE_MONITOR, "--iterations 0", "--iterations"),
        (CACHE_MONITOR, "--iterations -1", "-1"),
        (CACHE_MONITOR, "--iterations ten", "--iterations"),
        (CACHE_MONITOR, "--iterations 10 --format yaml", "json"),
    ] {
        let said = site.program(tool).run(arguments).wrong_usage();
        assert!(said.contains(told), "{arguments}: {said}");
    }
    assert_eq!(site.stats().all_keys(), before);
}

#[test]
fn wrong_settings_are_told_in_one_sentence_and_end_with_2() {
    let site = Site::seeded(Backend::Sqlite);
    let directory = site.directory();
    std::fs::write(directory.join("unknown.toml"), "[cache]\nttl = 5\n").expect("a file can be written");
    std::fs::write(directory.join("broken.toml"), "[cache\n").expect("a file can be written");
    for (arguments, told) in [
        ("--config not-there.toml", "not-there.toml"),
        ("--config .", "configuration file ."),
        ("--config unknown.toml", "ttl"),
        ("--config broken.toml", "configuration"),
        ("--database-url mysql://root:secret-word@localhost/x", "postgres://"),
    ] {
        for (tool, command) in [(CACHE_ADMIN, "stats"), (CACHE_ADMIN, "warmup"), (CACHE_MONITOR, "--iterations 1")] {
            let sentence = site.program(tool).run(&format!("{command} {arguments}")).sentence(2);
            assert!(sentence.contains(told) && !sentence.contains("secret-word"), "{command} {arguments}: {sentence}");
        }
    }
    for (variable, value) in
        [("REDIS_PORT", "abc"), ("BILLING__CACHE__PATIENCE", "5"), ("BILLING__CACHE__LOAD_DEADLINE_MS", "x")]
    {
        let sentence = site.program(CACHE_ADMIN).with(variable, value).run("stats").sentence(2);
        let name = variable.rsplit("__").next().unwrap_or_default();
        assert!(sentence.to_lowercase().contains(&name.to_lowercase()), "{sentence}");
    }
}

fn a_database_without_tables_is_told_what_to_do(backend: Backend) {
    let site = Site::empty(backend);
    for (tool, arguments) in
        [(CACHE_ADMIN, "seed --users 1 --invoices 1"), (CACHE_ADMIN, "warmup"), (CACHE_MONITOR, "--iterations 1")]
    {
        let sentence = site.program(tool).run(arguments).sentence(3);
        assert!(sentence.contains("cache-admin migrate"), "{arguments}: {sentence}");
    }
    assert!(site.redis_keys("*").is_empty());
}

fn an_empty_database_has_nothing_to_measure(backend: Backend) {
    let site = Site::empty(backend);
    site.admin("migrate").fine();
    site.admin("warmup").fine();
    let before = site.redis_keys("*");
    let sentence = site.monitor("--iterations 10").sentence(3);
    assert!(sentence.contains("cache-admin seed"), "{sentence}");
    assert_eq!(site.redis_keys("*"), before);
}

#[test]
fn programs_that_may_open_few_files_say_so_or_work_and_never_panic() {
    const LONGEST: Duration = Duration::from_secs(60);
    const BEGIN: u32 = 4;
    let site = Site::seeded(Backend::Sqlite);
    for (name, arguments) in [
        (CACHE_ADMIN, "doctor"),
        (CACHE_MONITOR, "--iterations 1"),
        (CACHE_MONITOR, "dashboard --listen 127.0.0.1:0"),
        (BILLING_SERVICE, "--listen 127.0.0.1:0"),
    ] {
        let arguments: Vec<OsString> = arguments.split(' ').map(OsString::from).collect();
        for most in BEGIN..BEGIN + 28 {
            let attempt = site.program(name).with_open_files(most).attempt(&arguments, LONGEST);
            let said = String::from_utf8_lossy(&attempt.stderr);
            assert!(!said.contains("panicked") && attempt.signal.is_none(), "{most} files: {name}: {attempt:?}");
            if most < 16 {
                assert!(attempt.code == Some(1) && said.contains("raise `ulimit -n`"), "{most} files: {name}: {said}");
            }
        }
    }
}

#[test]
fn a_missing_sqlite_file_is_not_made_by_reading() {
    let site = Site::empty(Backend::Sqlite);
    let file = site.directory().join("not-there.sqlite");
    let url = format!("sqlite://{}", file.display());
    for (tool, arguments) in
        [(CACHE_ADMIN, "seed --users 1 --invoices 1"), (CACHE_ADMIN, "warmup"), (CACHE_MONITOR, "--iterations 1")]
    {
        let sentence = site.program(tool).with("DATABASE_URL", &url).run(arguments).sentence(3);
        assert!(sentence.contains("not-there.sqlite") && sentence.contains("cache-admin migrate"), "{sentence}");
    }
    assert!(!file.exists());
    site.program(CACHE_ADMIN).with("DATABASE_URL", &url).run("migrate").fine();
    assert!(file.exists());
}

#[test]
fn a_dot_env_file_in_the_working_directory_gives_way_to_the_environment() {
    let site = Site::seeded(Backend::Sqlite);
    std::fs::write(site.directory().join(".env"), "REDIS_PORT=1\nBILLING__CACHE__KEY_SPACE=dot-env:\n")
        .expect("written");
    site.admin("warmup --type active_discounts").fine();
    let values = site.redis_keys("*active_discounts").into_iter().filter(|key| !key.contains("billing_cache:"));
    assert_eq!(values.collect::<Vec<_>>(), ["dot-env:active_discounts"]);
}
