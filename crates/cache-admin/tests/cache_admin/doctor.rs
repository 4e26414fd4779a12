//! `doctor`: each fault of a server is found and named with a remedy, and what is away is not called well.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::{RedisOptions, RedisServer, eventually, json_schema, platform};

use crate::harness::{Run, Stage, finding, for_each_backend};

const PASSWORD: &str = "hunter2";
/// A busy machine is no finding.
const PATIENT: [(&str, &str); 2] =
    [("BILLING__REDIS__COMMAND_TIMEOUT_MS", "10000"), ("BILLING__REDIS__CONNECT_TIMEOUT_MS", "10000")];

/// A server that nothing is wrong with.
fn sound_redis() -> RedisOptions {
    RedisServer::options().maxmemory(256 << 20, "volatile-lru")
}

fn sound() -> Stage {
    let stage = Stage::with_redis(sound_redis());
    stage.run(&["migrate"]).assert_fine();
    stage
}

/// The report of a run with this exit code.
fn examine(stage: &Stage, code: i32) -> Value {
    examine_with(stage, code, &[])
}

fn examine_with(stage: &Stage, code: i32, variables: &[(&str, &str)]) -> Value {
    let variables = [&PATIENT, variables].concat();
    let run = stage.run_with(&["doctor", "--format", "json"], &variables);
    assert_eq!((run.code, run.stderr.as_str()), (Some(code), ""), "{run:?}");
    let report = run.json();
    assert_eq!(json_schema::violations(&json_schema::load("cache-admin-doctor"), &report), [""; 0], "{report:#}");
    report
}

/// The level of this check, and words that what was found or the remedy has.
fn assert_found(report: &Value, subject: &str, check: &str, level: &str, words: &str) {
    let finding = finding(report, subject, check);
    assert_eq!(finding["level"], level, "{finding}");
    assert!(finding.to_string().contains(words), "{words}: {finding}");
    assert_eq!(finding["remedy"].is_null(), level == "ok", "{finding}");
}

/// As where two installations were given the same Redis.
#[test]
fn services_of_another_database_on_the_same_keys_are_a_problem() {
    let stage = Stage::sqlite().seeded();
    stage.redis.command::<()>(&["SETEX", "billing_cache:{database}:mark", "60", "postgres:1:2"]).unwrap();
    let run = stage.run(&["doctor", "--format", "json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let report = run.json();
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == "database").unwrap();
    assert_eq!((&found["level"], &found["subject"]), (&"problem".into(), &"redis".into()), "{found}");
    assert!(found["remedy"].as_str().unwrap().contains("cache.key_space"), "{found}");
}

#[tokio::test]
async fn a_sound_system_has_no_problem() {
    for_each_backend(async |stage| {
        stage.redis.command::<()>(&["CONFIG", "SET", "maxmemory", "256mb"]).unwrap();
        stage.redis.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]).unwrap();
        stage.run(&["migrate"]).assert_fine();
        let report = examine(stage, 0);
        // The PostgreSQL server of the tests does not sync.
        let findings = report["findings"].as_array().unwrap().iter().filter(|found| found["check"] != "durability");
        let levels: Vec<&Value> = findings.map(|found| &found["level"]).collect();
        assert!(levels.iter().all(|level| *level == "ok"), "{report:#}");
        let is_synced = finding(&report, "database", "durability")["level"] == "ok";
        assert_eq!(report["counts"]["ok"], levels.len() + usize::from(is_synced), "{report:#}");
        assert_eq!(stage.redis.command::<u64>(&["DBSIZE"]).unwrap(), 0, "doctor leaves nothing behind");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_acknowledges_what_is_not_on_disk_is_noted() {
    use sea_orm::ConnectionTrait;
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        if stage.database.backend_name() == "sqlite" {
            assert_found(&examine(stage, 0), "database", "durability", "ok", "is on disk");
            return;
        }
        let database = stage.open_database().await;
        let set = async |value: &str| {
            let sql = format!(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = {value}', current_database()); END $$"
            );
            database.connection().execute_unprepared(&sql).await.unwrap();
        };
        set("off").await;
        assert_found(&examine(stage, 0), "database", "durability", "note", "synchronous_commit = off");
        set("on").await;
        let durability = finding(&examine(stage, 0), "database", "durability").to_string();
        assert!(!durability.contains("synchronous_commit"), "{durability}");
        database.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_database_without_an_encoding_is_noted() {
    let database = test_support::TestDatabase::postgres_without_encoding().await.unwrap();
    let stage = Stage::on(database, sound_redis());
    stage.run(&["migrate"]).assert_fine();
    assert_found(&examine(&stage, 0), "database", "encoding", "note", "SQL_ASCII");
}

#[test]
fn the_text_is_that_of_the_golden_file() {
    let stage = sound();
    let run = stage.run_with(&["doctor"], &PATIENT);
    run.assert_fine();
    assert!(!run.stdout.contains('\u{1b}'), "no colours where nobody sees them");
    let port = stage.redis.port().to_string();
    let report: Vec<String> = run
        .stdout
        .split_once("\n╭")
        .unwrap()
        .0
        .lines()
        .map(|line| without_numbers(&line.replace(&port, "PORT")))
        .collect();
    assert_eq!(report.join("\n").trim_end(), include_str!("doctor.txt").trim_end(), "doctor.txt is out of date");
}

/// Versions, sizes and times differ from run to run.
fn without_numbers(line: &str) -> String {
    let changes = ["version ", "memory ", "latency ", "clock ", "settings "].iter().any(|check| line.contains(check));
    let words = line.split(' ').map(|word| match word {
        file if file.ends_with("billing.sqlite") => "FILE".to_owned(),
        "µs" => "ms".to_owned(),
        "KiB" => "MiB".to_owned(),
        word if changes => word.replace(|letter: char| letter.is_ascii_digit(), "N"),
        other => other.to_owned(),
    });
    let mut line = words.collect::<Vec<_>>().join(" ").replace("Valkey ", "");
    while line.contains("NN") || line.contains("N.N") {
        line = line.replace("NN", "N").replace("N.N", "N");
    }
    line
}

/// The lines of the text below the findings.
fn end_of(run: &Run) -> Vec<&str> {
    run.stdout.split_once("added up in Redis every").unwrap().1.lines().skip(1).collect()
}

#[tokio::test]
async fn the_last_line_names_the_problems_and_only_settings_that_are_not_the_default_stand_above_it() {
    use sea_orm::ConnectionTrait;
    let stage = sound();
    let run = stage.run_with(&["doctor"], &PATIENT);
    run.assert_fine();
    let end = end_of(&run);
    assert!(end.iter().any(|line| line.contains("redis.port") && line.contains("environment REDIS_PORT")), "{end:#?}");
    assert!(!run.stdout.contains("cache.batch_size"), "{end:#?}");
    assert!(end.iter().any(|line| line.contains("--settings shows them")), "{end:#?}");
    assert!(end.last().unwrap().ends_with("0 with a problem, 0 not checked"), "{end:#?}");

    let database = stage.open_database().await;
    database.connection().execute_unprepared("DROP TRIGGER billing_cache_payments_update").await.unwrap();
    database.close().await.unwrap();
    stage.redis.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    let run = stage.run_with(&["doctor", "--settings"], &PATIENT);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(end_of(&run).last(), Some(&"problem: triggers (database)"));
    assert!(run.stdout.contains("cache.batch_size") && !run.stdout.contains("--settings"), "{run:?}");
    assert!(run.stdout.contains("-> CONFIG SET maxmemory 1gb maxmemory-policy volatile-lru"), "{run:?}");
}

#[test]
fn a_server_that_a_cache_should_not_share_is_found() {
    for (options, check, level, words) in [
        (RedisServer::options(), "memory", "note", "maxmemory"),
        (RedisServer::options().maxmemory(256 << 20, "noeviction"), "eviction", "note", "volatile-lru"),
        (RedisServer::options().maxmemory(256 << 20, "allkeys-lru"), "eviction", "note", "other programs"),
        (RedisServer::options().maxmemory(1 << 19, "volatile-lru"), "memory", "note", "before their time"),
        (RedisServer::options().maxmemory(1 << 19, "noeviction"), "memory", "note", "but not invalidations"),
        (sound_redis(), "version", "ok", "."),
    ] {
        let stage = Stage::with_redis(options);
        stage.run(&["migrate"]).assert_fine();
        assert_found(&examine(&stage, 0), "redis", check, level, words);
    }
    let cluster = Stage::with_redis(sound_redis().config("cluster-enabled", "yes"));
    cluster.run(&["migrate"]).assert_fine();
    assert_found(&examine(&cluster, 1), "redis", "role", "problem", "name its nodes in REDIS_CLUSTER_NODES");
}

#[tokio::test]
async fn a_replica_is_a_problem_and_a_primary_that_needs_none_is_noted() {
    let primary = sound_redis().start().unwrap();
    let replica = Stage::with_redis(sound_redis().config("replicaof", &format!("127.0.0.1 {}", primary.port())));
    replica.run(&["migrate"]).assert_fine();
    assert_found(&examine(&replica, 1), "redis", "role", "problem", "point REDIS_HOST at the primary");
    let port = primary.port().to_string();
    let connected = async || primary.info("replication").is_ok_and(|info| info["connected_slaves"] == "1");
    eventually(Duration::from_secs(10), connected).await.unwrap();
    let report = examine_with(&replica, 0, &[("REDIS_PORT", &port)]);
    assert_found(&report, "redis", "replicas", "note", "min-replicas-to-write");
    primary.command::<()>(&["CONFIG", "SET", "min-replicas-to-write", "1"]).unwrap();
    let report = examine_with(&replica, 0, &[("REDIS_PORT", &port)]);
    assert_found(&report, "redis", "replicas", "ok", "refuses writes");
}

#[test]
fn what_cannot_be_reached_is_named_and_nothing_about_it_is_called_well() {
    let stage = sound();
    let report = examine_with(&stage, 3, &[("REDIS_PORT", "1")]);
    assert_found(&report, "redis", "connection", "problem", "127.0.0.1:1");
    for check in ["version", "memory", "rights", "announcements", "latency"] {
        assert_found(&report, "redis", check, "not_checked", "away");
    }
    assert_found(&report, "database", "replay", "not_checked", "");
    assert_found(&report, "database", "triggers", "ok", "declare");

    let report = examine_with(&stage, 3, &[("REDIS_HOST", "no.such.host.invalid")]);
    assert_found(&report, "redis", "connection", "problem", "no.such.host.invalid");

    for (url, words) in
        [("postgres://ann:hunter2@127.0.0.1:1/billing", "127.0.0.1:1/billing"), ("sqlite://gone.sqlite", "gone.sqlite")]
    {
        let report = examine_with(&stage, 3, &[("DATABASE_URL", url)]);
        assert_found(&report, "database", "connection", "problem", words);
        assert_found(&report, "database", "triggers", "not_checked", "away");
        assert_found(&report, "redis", "rights", "ok", "all");
        assert!(!report.to_string().contains(PASSWORD), "{report}");
    }
}

#[test]
fn a_server_that_hangs_is_given_up() {
    let stage = sound();
    stage.redis.pause().unwrap();
    let report = examine_with(&stage, 3, &[("BILLING__REDIS__CONNECT_TIMEOUT_MS", "100")]);
    assert_found(&report, "redis", "connection", "problem", "is the server running");
    stage.redis.resume().unwrap();
}

#[test]
fn a_password_that_is_wrong_or_missing_is_said_and_not_shown() {
    let stage = Stage::with_redis(sound_redis().password("right"));
    stage.run(&["migrate"]).assert_fine();
    let report = examine_with(&stage, 3, &[("REDIS_PASSWORD", PASSWORD)]);
    assert_found(&report, "redis", "connection", "problem", "check REDIS_PASSWORD");
    let report = examine(&stage, 3);
    assert_found(&report, "redis", "connection", "problem", "check REDIS_PASSWORD");
    assert_found(&report, "redis", "rights", "not_checked", "");
    let report = examine_with(&stage, 0, &[("REDIS_PASSWORD", "right")]);
    let password = report["settings"].as_array().unwrap().iter().find(|setting| setting["key"] == "redis.password");
    let hidden =
        json!({"key": "redis.password", "value": "(hidden)", "origin": "environment", "name": "REDIS_PASSWORD"});
    assert_eq!(password, Some(&hidden));
    assert!(!report.to_string().contains("\"right\""), "{report}");
}

#[test]
fn settings_that_cannot_work_end_it() {
    let stage = sound();
    for variable in [("REDIS_PORT", "abc"), ("BILLING__CACHE__SCAN_COUNT", "0"), ("DATABASE_URL", "mysql://x/y")] {
        stage.run_with(&["doctor"], &[variable]).assert_error(2);
    }
}

#[test]
fn what_is_set_and_has_no_effect_is_said() {
    let stage = sound();
    let url = format!("redis://127.0.0.1:{}", stage.redis.port());
    let report = examine_with(&stage, 0, &[("REDIS_URL", &url)]);
    assert_found(
        &report,
        "configuration",
        "no effect",
        "note",
        "redis.url (REDIS_URL) replaces redis.host (REDIS_HOST)",
    );
    let report = examine_with(&stage, 0, &[("BILLING_REDIS_HOST", "elsewhere")]);
    assert_found(&report, "configuration", "no effect", "note", "BILLING_REDIS_HOST is no variable");
}

#[test]
fn each_value_comes_with_its_source() {
    let stage = sound();
    std::fs::write(stage.directory().join("billing.toml"), "[cache]\npatience_ms = 900\n").unwrap();
    std::fs::write(stage.directory().join(".env"), "BILLING__CACHE__KEY_SPACE=test:\n").unwrap();
    let arguments = ["doctor", "--format", "json", "--config", "billing.toml", "--redis-host", "localhost"];
    let run = stage.run(&arguments);
    assert_eq!(run.code, Some(0), "{run:?}");
    let report = run.json();
    let settings = report["settings"].as_array().unwrap();
    for expected in [
        json!({"key": "cache.batch_size", "value": "500", "origin": "default", "name": null}),
        json!({"key": "cache.patience_ms", "value": "900", "origin": "file", "name": "billing.toml"}),
        json!({"key": "cache.key_space", "value": "test:", "origin": ".env", "name": "BILLING__CACHE__KEY_SPACE"}),
        json!({"key": "redis.host", "value": "localhost", "origin": "flag", "name": null}),
    ] {
        assert!(settings.contains(&expected), "{expected} is not in {settings:#?}");
    }
    assert_found(&report, "configuration", "key space", "note", "test:");
}

#[test]
fn a_database_that_is_not_migrated_is_named() {
    let stage = Stage::with_redis(sound_redis());
    let report = examine(&stage, 3);
    assert_found(&report, "database", "schema", "problem", "cache-admin migrate");
    assert_found(&report, "database", "triggers", "not_checked", "not migrated");
    assert_found(&report, "database", "connection", "ok", "answers");
}

const NEWER_ON_SQLITE: &str = "CREATE TRIGGER billing_cache_newer AFTER INSERT ON users
    BEGIN /* billing_cache triggers, version 1000 */ SELECT 1; END";
const NEWER_ON_POSTGRES: &str = "CREATE FUNCTION billing_cache_newer() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN /* billing_cache triggers, version 1000 */ RETURN NULL; END $$;
    CREATE TRIGGER billing_cache_newer AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION billing_cache_newer()";

#[tokio::test]
async fn triggers_and_outbox_are_judged() {
    use sea_orm::ConnectionTrait;
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        let database = stage.open_database().await;
        let execute = async |sql: &str| {
            database.connection().execute_unprepared(sql).await.unwrap();
        };
        let is_sqlite = stage.database.backend_name() == "sqlite";
        let trigger = "billing_cache_payments_update";
        execute(&format!("DROP TRIGGER {trigger}{}", if is_sqlite { "" } else { " ON payments" })).await;
        let report = examine(stage, 1);
        assert_found(&report, "database", "triggers", "problem", &format!("{trigger} on payments is missing"));
        stage.run(&["migrate"]).assert_fine();
        assert_found(&examine(stage, 0), "database", "triggers", "ok", "");
        let undeclared = match is_sqlite {
            true => "CREATE TRIGGER billing_cache_old AFTER DELETE ON users BEGIN SELECT 1; END",
            false => {
                "CREATE FUNCTION billing_cache_old() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                 CREATE TRIGGER billing_cache_old AFTER DELETE ON users EXECUTE FUNCTION billing_cache_old()"
            }
        };
        execute(undeclared).await;
        let report = examine(stage, 0);
        assert_found(&report, "database", "triggers", "note", "billing_cache_old on users is of no declaration");
        stage.run(&["migrate"]).assert_fine();

        execute(if is_sqlite { NEWER_ON_SQLITE } else { NEWER_ON_POSTGRES }).await;
        assert_found(&examine(stage, 0), "database", "triggers", "note", "made by a newer version");
        let refused = stage.run(&["migrate"]);
        assert!(refused.assert_error(2).contains("run the `cache-admin migrate` of the newer version"), "{refused:?}");
        execute(&format!("DROP TRIGGER billing_cache_newer{}", if is_sqlite { "" } else { " ON users" })).await;
        // What the migration after the missing trigger clears.
        execute("DELETE FROM cache_invalidations").await;

        let row = "INSERT INTO cache_invalidations (cache_type, key_parts, table_name, created_at, relayed_at) VALUES";
        execute(&format!("{row} ('invoices', '[1]', 'invoices', CURRENT_TIMESTAMP, '2020-01-01 00:00:00')")).await;
        execute(&format!("{row} ('coupons', '[1]', 'coupons', '2020-01-01 00:00:00', NULL)")).await;
        let report = examine(stage, 1);
        assert_found(&report, "database", "replay", "problem", "1 invalidations were applied to another Redis");
        execute("UPDATE cache_invalidations SET relayed_at = CURRENT_TIMESTAMP WHERE relayed_at IS NOT NULL").await;
        assert_found(&examine(stage, 0), "database", "replay", "note", "relays apply them again");
        execute("UPDATE cache_invalidations SET relayed_at = '2020-01-01 00:00:00' WHERE relayed_at IS NOT NULL").await;
        execute(&format!("UPDATE cache_invalidations SET redis_history = '{}'", stage.history().await)).await;
        let report = examine(stage, 0);
        assert_found(&report, "database", "replay", "ok", "carries every invalidation");
        assert_found(&report, "database", "outbox", "ok", "no invalidation");
        assert_found(&report, "database", "unknown types", "note", "coupons (1)");
        assert_found(&report, "database", "retirement", "note", "1 applied rows");
        assert_found(&report, "database", "unreadable rows", "ok", "");
        execute(&format!("{row} ('tax_rates', 'rubbish', 'tax_rates', CURRENT_TIMESTAMP, '2099-01-01 00:00:00')"))
            .await;
        execute(&format!("UPDATE cache_invalidations SET redis_history = '{}'", stage.history().await)).await;
        let report = examine(stage, 0);
        assert_found(&report, "database", "unreadable rows", "note", "1 rows of cache_invalidations name keys");
        assert_found(&report, "database", "unreadable rows", "note", "(tax_rates)");

        execute(&format!("{row} ('invoices', '[2]', 'invoices', '2020-01-01 00:00:00', NULL)")).await;
        assert_found(&examine(stage, 1), "database", "outbox", "problem", "1 invalidations pending");
        database.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn rows_of_the_platforms_own_making_are_no_problem_and_a_rate_that_no_tax_has_is_one() {
    use sea_orm::ConnectionTrait;
    for_each_backend(async |stage| {
        let database = stage.open_database().await;
        let backend = database.connection().get_database_backend();
        let origin = *platform::Origin::of(backend).last().unwrap();
        for sql in [platform::tables(backend, origin).as_str(), platform::ROWS] {
            database.connection().execute_unprepared(sql).await.unwrap();
        }
        stage.run(&["migrate"]).assert_fine();
        let report = examine(stage, 0);
        for (check, words) in [
            ("tax countries", r#"2 default tax rates are of countries that are no ISO 3166-1 codes, and never apply"#),
            ("tax countries", "tax_rate:UK:default"),
            ("invoice words", r#"\"issued\" (1)"#),
            ("credit words", r#"\"active\" (1)"#),
            ("paid, covered", "1 paid invoices have an amount due that pending payments cover, such as number 5"),
            ("countries", r#"\"UK\" (1)"#),
        ] {
            assert_found(&report, "database", check, "note", words);
        }
        for check in ["tax rates", "tax regions", "payment words", "paid, due", "credit totals"] {
            assert_found(&report, "database", check, "ok", "");
        }
        database.connection().execute_unprepared("UPDATE tax_rates SET rate = 250 WHERE id = 1").await.unwrap();
        assert_found(
            &examine(stage, 1),
            "database",
            "tax rates",
            "problem",
            "1 default tax rates are not from 0 to 100",
        );
        database.close().await.unwrap();
    })
    .await;
}

#[test]
fn somebody_who_presses_ctrl_c_or_looks_away_is_no_problem() {
    let stage = sound();
    let mut child = stage.command(&["doctor"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}
