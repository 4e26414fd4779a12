//! What cannot work is said in one sentence, with the exit code that fits and without a password.

use test_support::RedisServer;

use crate::harness::{Run, Stage};

const PASSWORD: &str = "hunter2";

fn assert_no_password(run: &Run) {
    assert!(!format!("{run:?}").contains(PASSWORD), "{run:?}");
}

#[test]
fn a_type_that_does_not_exist_is_answered_with_those_that_do() {
    let stage = Stage::sqlite();
    for arguments in [&["clear", "--type", "users"][..], &["warmup", "--type", "users"]] {
        let run = stage.run(arguments);
        assert_eq!(run.code, Some(2), "{run:?}");
        let all = "tax_rates, active_discounts, discounts, invoices, user_credit_notes, credit_notes, all";
        assert!(run.stderr.contains(all), "{run:?}");
    }
}

#[test]
fn arguments_out_of_range_are_wrong_usage() {
    let stage = Stage::sqlite();
    for arguments in [
        &["clear"][..],
        &["warmup", "--limit", "0"],
        &["stats", "--hours", "0"],
        &["stats", "--format", "xml"],
        &["stats", "--redis-port", "abc"],
        &["seed", "--users", "0"],
        &[],
    ] {
        let run = stage.run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}: {run:?}");
    }
}

#[test]
fn settings_that_cannot_work_are_named() {
    let stage = Stage::sqlite();
    let file = |name: &str, text: &str| {
        std::fs::write(stage.directory().join(name), text).unwrap();
    };
    file("broken.toml", "[redis]\npassword = \"hunter2\n");
    file("unknown.toml", "[redis]\nprot = 6379\n");
    for (arguments, variable, expected) in [
        (&["stats", "--config", "missing.toml"][..], ("LANG", "C"), "missing.toml"),
        (&["stats", "--config", "broken.toml"], ("LANG", "C"), "broken.toml"),
        (&["stats", "--config", "unknown.toml"], ("LANG", "C"), "prot"),
        (&["stats"], ("BILLING_CONFIG", "missing.toml"), "missing.toml"),
        (&["stats"], ("REDIS_PORT", "abc"), "REDIS_PORT is a text: must be a whole number from 1 to 65535"),
        (&["stats"], ("REDIS_URL", "hunter2"), "REDIS_URL"),
        (&["stats", "--redis-db", "3"], ("REDIS_URL", "redis://:hunter2@127.0.0.1:1/0"), "--redis-db"),
        (&["stats"], ("BILLING__CACHE__SCAN_COUNT", "0"), "BILLING__CACHE__SCAN_COUNT is 0"),
        (&["stats"], ("REDIS_PORT", "7620.9"), "REDIS_PORT is a number with a fraction"),
        (&["stats"], ("REDIS_SENTINELS", ","), "redis.sentinels"),
        (&["stats"], ("REDIS_CLUSTER_NODES", " , "), "redis.cluster_nodes"),
        (&["stats"], ("BILLING__REDIS__POOL_SIZE", "4294967296"), "must be a whole number from 1 to 1000"),
        (&["warmup"], ("BILLING__DATABASE__BUSY_TIMEOUT_MS", "4294967296"), "must be a whole number from 0"),
        (&["warmup"], ("BILLING__CACHE__MAX_LOADS", "4611686018427387904"), "must be a whole number from 1 to 10000"),
        (&["warmup"], ("DATABASE_URL", "postgres://ann:hunter2@db/billing?sslrootcert=ca.pem"), "sslmode=verify-full"),
        (&["warmup"], ("DATABASE_URL", "mysql://ann:hunter2@db/billing"), "DATABASE_URL"),
        (&["migrate"], ("DATABASE_URL", "postgres://ann:hunter2@db:port/billing"), "DATABASE_URL"),
    ] {
        let run = stage.run_with(arguments, &[variable]);
        assert!(run.assert_error(2).contains(expected), "{expected}: {run:?}");
        assert_no_password(&run);
    }
}

#[test]
fn a_variable_that_is_nearly_ours_is_said_and_the_work_goes_on() {
    let stage = Stage::sqlite();
    let run = stage.run_with(&["stats"], &[("BILLING_REDIS_HOST", PASSWORD)]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("warning: BILLING_REDIS_HOST is no variable"), "{run:?}");
    assert!(run.stderr.contains("BILLING__REDIS__HOST is one") && !run.stderr.contains(PASSWORD), "{run:?}");
}

#[test]
fn a_line_of_dot_env_that_cannot_be_read_is_named_without_its_value() {
    let stage = Stage::sqlite();
    let dot_env = stage.directory().join(".env");
    std::fs::write(&dot_env, "APP_NAME=My App\nREDIS_PASSWORD='hunter2\n").unwrap();
    let run = stage.run(&["stats"]);
    assert!(run.assert_error(2).contains(".env: line 2: REDIS_PASSWORD cannot be read"), "{run:?}");
    assert_no_password(&run);
    std::fs::write(&dot_env, "\u{feff}APP_NAME=My App\nMY-VAR=1\nhunter2 x\n").unwrap();
    stage.run(&["stats"]).assert_fine();
}

#[test]
fn a_stderr_that_cannot_be_written_changes_no_exit_code() {
    let stage = Stage::sqlite();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let closed = || std::io::pipe().unwrap().1;
    for (arguments, filter, code) in [
        (&["stats"][..], "trace", 0),
        (&["warmup"], "trace", 3),
        (&["inspect", "nonsense"], "trace", 2),
        (&["x"], "trace", 2),
        (&["stats"], "no=filter=at=all", 0),
    ] {
        for stderr in [full().into(), std::process::Stdio::from(closed())] {
            let mut command = stage.command(arguments);
            command.env("RUST_LOG", filter).env("BILLING_REDIS_HOST", "r").stderr(stderr);
            let status = command.stdout(std::process::Stdio::null()).status().unwrap();
            assert_eq!(status.code(), Some(code), "{arguments:?}");
        }
    }
}

#[test]
fn what_was_typed_and_is_wrong_steers_no_terminal() {
    let stage = Stage::sqlite();
    const HOSTILE: &str = "\u{9b}31m\u{202e}x\r";
    for arguments in [&["stats", "--format", HOSTILE][..], &["stats", HOSTILE], &[HOSTILE]] {
        let run = stage.run(arguments);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains("\\u202ex\\r"), "{run:?}");
        assert!(!run.stderr.replace('\n', "").contains(billing_core::is_unprintable), "{run:?}");
    }
}

#[test]
fn a_filter_of_the_log_that_is_none_is_said_and_passed_over() {
    let stage = Stage::sqlite();
    for filter in ["\r", "a=b=c=d", "\u{202e}=x"] {
        let run = stage.run_with(&["stats"], &[("RUST_LOG", filter)]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stderr.starts_with("warning: RUST_LOG is passed over: "), "{run:?}");
        assert!(!run.stderr.replace('\n', "").contains(billing_core::is_unprintable), "{run:?}");
    }
}

#[test]
fn a_process_that_may_open_no_files_says_so() {
    let stage = Stage::sqlite();
    let tool = stage.command(&[]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 4; exec \"$0\" stats"]).arg(tool.get_program()).current_dir(stage.directory());
    let run = Run::of(command.env_clear().output().unwrap());
    assert!(run.assert_error(1).contains("ulimit -n"), "{run:?}");
}

#[test]
fn a_database_that_is_made_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::sqlite();
    stage.run_with(&["migrate"], &[("DATABASE_URL", "sqlite://made.sqlite")]).assert_fine();
    let mode = std::fs::metadata(stage.directory().join("made.sqlite")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn flags_outrank_the_environment_and_the_settings_file() {
    let stage = Stage::sqlite();
    let port = stage.redis.port().to_string();
    std::fs::write(stage.directory().join("billing.toml"), "[redis]\nport = 1\n[cache]\nscan_count = 7\n").unwrap();
    let wrong = [("REDIS_HOST", "no.such.host.invalid"), ("REDIS_PORT", "1"), ("BILLING_CONFIG", "billing.toml")];
    let flags = ["stats", "--redis-host", "127.0.0.1", "--redis-port", &port, "--redis-db", "2"];
    let run = stage.run_with(&flags, &wrong);
    run.assert_fine();
    assert!(run.stdout.contains(&format!("127.0.0.1:{port}, database 2")), "{run:?}");
}

#[test]
fn a_redis_that_is_away_is_named_with_its_port() {
    let stage = Stage::sqlite().seeded();
    stage.redis.stop().unwrap();
    let address = format!("127.0.0.1:{}", stage.redis.port());
    for arguments in [&["stats"][..], &["clear", "--type", "all"], &["warmup"], &["seed"]] {
        let run = stage.run(arguments);
        assert!(run.assert_error(3).contains(&address), "{arguments:?}: {run:?}");
    }
}

#[test]
fn a_redis_that_hangs_is_given_up() {
    let stage = Stage::sqlite();
    stage.redis.pause().unwrap();
    let run = stage.run_with(&["stats"], &[("BILLING__REDIS__CONNECT_TIMEOUT_MS", "100")]);
    assert!(run.assert_error(3).contains(&stage.redis.port().to_string()), "{run:?}");
    stage.redis.resume().unwrap();
}

#[test]
fn a_wrong_password_is_not_shown() {
    let stage = Stage::with_redis(RedisServer::options().password("right"));
    for password in [PASSWORD, ""] {
        let run = stage.run_with(&["stats"], &[("REDIS_PASSWORD", password)]);
        assert!(run.assert_error(3).contains("REDIS_PASSWORD"), "{run:?}");
        assert_no_password(&run);
    }
    stage.run_with(&["stats"], &[("REDIS_PASSWORD", "right")]).assert_fine();
}

#[test]
fn a_database_that_is_away_or_not_ready_is_named_with_what_to_do() {
    let stage = Stage::sqlite();
    for (url, expected) in [
        (stage.database.url(), "run `cache-admin migrate`"),
        ("sqlite://missing.sqlite", "missing.sqlite"),
        ("postgres://ann:hunter2@127.0.0.1:1/billing", "PostgreSQL 127.0.0.1:1/billing"),
    ] {
        for command in ["warmup", "seed"] {
            let run = stage.run_with(&[command], &[("DATABASE_URL", url)]);
            assert!(run.assert_error(3).contains(expected), "{run:?}");
            assert_no_password(&run);
        }
    }
    assert!(!stage.directory().join("missing.sqlite").exists(), "a wrong path must not make a file");
}

#[test]
fn logs_are_there_for_who_asks() {
    let stage = Stage::sqlite();
    stage.redis.stop().unwrap();
    let run = stage.run_with(&["stats"], &[("RUST_LOG", "warn")]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{run:?}");
    assert!(run.stderr.contains("WARN") && run.stderr.contains("error: "), "{run:?}");
}
