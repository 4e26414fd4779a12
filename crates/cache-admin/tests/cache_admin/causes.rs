//! What cannot work is said by its own cause, with the remedy for it: a right that is missing, a lock, another server.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use sea_orm::sqlx::{Connection, Executor, SqliteConnection};
use test_support::eventually;

use crate::acl::make_user_without;
use crate::harness::{Stage, finding};
use crate::warmup_auto::Keeper;

const PARTIAL: [(&str, &str); 2] = [("REDIS_USERNAME", "partial"), ("REDIS_PASSWORD", crate::acl::SECRET)];

/// The port of a server that says this to whatever it is sent, and nothing where it is empty.
fn server_that_says(words: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            std::thread::spawn(move || {
                let (mut connection, mut heard) = (connection.unwrap(), [0; 1024]);
                while matches!(connection.read(&mut heard), Ok(1..)) && connection.write_all(words).is_ok() {}
            });
        }
    });
    port.to_string()
}

#[test]
fn a_server_that_is_no_redis_is_called_that() {
    let stage = Stage::sqlite().seeded();
    let http = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\noops";
    let postgres = b"E\0\0\0\x20SFATAL\0C08P01\0Minvalid\0\0";
    for (words, said) in [(&http[..], "no Redis"), (postgres, "no Redis"), (b"", "is it Redis that listens there?")] {
        let port = server_that_says(words);
        let variables = [("REDIS_PORT", port.as_str()), ("BILLING__REDIS__CONNECT_TIMEOUT_MS", "300")];
        for command in ["stats", "warmup", "verify"] {
            let run = stage.run_with(&[command], &variables);
            let sentence = run.assert_error(3);
            assert!(sentence.contains(said) && sentence.contains(&port), "{command}: {sentence}");
            assert!(!sentence.contains("Parse") && !sentence.contains("Incompatible"), "{sentence}");
        }
        let run = stage.run_with(&["doctor", "--format", "json"], &variables);
        assert_eq!(run.code, Some(3), "{run:?}");
        assert!(finding(&run.json(), "redis", "connection").to_string().contains(said), "{run:?}");
    }
}

#[test]
fn a_warm_up_without_the_rights_says_so_and_not_that_memory_is_full() {
    let stage = Stage::sqlite().seeded();
    for left_out in ["+evalsha", "~invoice:*", "~lease:{invoice:*}"] {
        make_user_without(&stage.redis, "partial", &[left_out]);
        let run = stage.run_with(&["warmup", "--type", "invoices"], &PARTIAL);
        assert_eq!(run.code, Some(3), "{left_out}: {run:?}");
        assert!(run.stderr.contains("lacks a permission") && run.stderr.contains("doctor"), "{left_out}: {run:?}");
        assert!(!run.stderr.contains("memory"), "{left_out}: {run:?}");
    }
}

#[test]
fn a_repair_without_the_rights_says_so_and_not_to_run_it_again() {
    let stage = Stage::sqlite().seeded();
    stage.run(&["warmup"]).assert_fine();
    stage.redis.command::<()>(&["SETEX", "invoice:7", "200", "rubbish"]).unwrap();
    make_user_without(&stage.redis, "partial", &["+unlink"]);
    let run = stage.run_with(&["verify", "--all", "--repair"], &PARTIAL);
    let sentence = run.assert_error(3);
    assert!(sentence.starts_with("1 wrong values could not be removed"), "{sentence}");
    assert!(sentence.contains("lacks a permission") && !sentence.contains("again"), "{sentence}");
    stage.redis.command::<()>(&["ACL", "SETUSER", "partial", "+unlink"]).unwrap();
    assert_eq!(stage.run_with(&["verify", "--all", "--repair"], &PARTIAL).code, Some(1));
    assert_eq!(stage.run_with(&["verify", "--all"], &PARTIAL).code, Some(0));
}

/// A connection that nobody else can read beside, as a backup or a schema tool has one.
async fn exclusive(stage: &Stage) -> SqliteConnection {
    let mut connection = SqliteConnection::connect(stage.database.url()).await.unwrap();
    connection.execute("PRAGMA journal_mode = DELETE").await.unwrap();
    connection.execute("BEGIN EXCLUSIVE").await.unwrap();
    connection
}

#[tokio::test]
async fn a_locked_sqlite_file_is_called_locked() {
    let stage = Stage::sqlite().seeded();
    let connection = exclusive(&stage).await;
    let impatient = [("BILLING__DATABASE__BUSY_TIMEOUT_MS", "50")];
    for command in ["warmup", "verify", "migrate", "seed"] {
        let run = stage.run_with(&[command], &impatient);
        let sentence = run.assert_error(3);
        assert!(sentence.contains("another program holds its lock"), "{command}: {sentence}");
        assert!(!sentence.contains("check DATABASE_URL"), "{command}: {sentence}");
    }
    let run = stage.run_with(&["doctor", "--format", "json"], &impatient);
    assert_eq!(run.code, Some(3), "{run:?}");
    let report = run.json();
    let connecting = finding(&report, "database", "connection");
    assert!(connecting["remedy"].as_str().unwrap().contains("another program holds its lock"), "{connecting}");
    connection.close().await.unwrap();
    stage.run_with(&["warmup"], &impatient).assert_fine();
}

#[tokio::test]
async fn keeping_warm_waits_for_what_is_away_at_its_start() {
    let stage = Stage::sqlite().seeded();
    stage.redis.stop().unwrap();
    let keeper = Keeper::start_with(&stage, "3", &[]);
    keeper.has_said("cannot keep the cache warm, trying again: cannot use Redis at").await;
    stage.redis.restart().unwrap();
    let is_warm = async || stage.redis.command::<bool>(&["EXISTS", "active_discounts"]).unwrap_or(false);
    eventually(Duration::from_secs(60), is_warm).await.unwrap();
    keeper.has_said("all is well again: loaded").await;
    let (_, said) = keeper.interrupt();
    assert!(said[0].starts_with("cannot keep the cache warm, trying again: cannot use Redis at"), "{said:#?}");
    assert!(said[1].starts_with("all is well again: loaded"), "{said:#?}");
}

#[tokio::test]
async fn keeping_warm_waits_for_a_database_that_is_made_later() {
    let stage = Stage::sqlite();
    let keeper = Keeper::start_with(&stage, "3", &[]);
    keeper.has_said("cannot keep the cache warm, trying again: ").await;
    stage.run(&["migrate"]).assert_fine();
    stage.run(&["seed", "--users", "5", "--invoices", "20"]).assert_fine();
    let is_warm = async || stage.exists("active_discounts");
    eventually(Duration::from_secs(60), is_warm).await.unwrap();
    let (_, said) = keeper.interrupt();
    assert!(said[0].contains("cache-admin migrate"), "{said:#?}");
}
