//! SQLite on a disk that is full or fails, at each step of a transaction.
//!
//! The limit on the size of files is one of a process, so each test starts one of its own: this binary again, which
//! pays over a billing service, lets its disk fill up at one step, has room again, and pays on. Afterwards this process
//! writes to the same file, kills the other one, and looks for every payment that was acknowledged.

use std::collections::BTreeSet;
use std::env;
use std::io::{BufRead, BufReader, Read, stdin};
use std::process::{Child, Command, Stdio};

use billing_core::service::BillingService;
use billing_core::settings::Settings;
use billing_outbox::database::{Database, DatabaseSettings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sea_orm::{ConnectionTrait, Statement};
use test_support::TestDatabase;

use crate::backends::{connect, execute, texts};
use crate::cancelled::drop_after;
use crate::commands::payment;
use crate::world::{ROWS, World};

const STEP: &str = "BILLING_TEST_FULL_DISK_STEP";
const DATABASE: &str = "BILLING_TEST_FULL_DISK_DATABASE";
const REDIS_PORT: &str = "BILLING_TEST_FULL_DISK_REDIS_PORT";
/// Its cache of pages, so small that a statement writes before the commit.
const SMALL_CACHE: &str = "PRAGMA cache_size = 10";
/// More pages than that, each changed.
const MANY_ROWS: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000) \
     INSERT INTO users (username, email, hashed_password) SELECT 'u' || x, x || '@x', hex(randomblob(100)) FROM n";
/// One row of more pages than a full database has; nothing of it can be undone alone.
const LARGE_ROW: &str =
    "INSERT INTO users (username, email, hashed_password) VALUES ('u', 'u@x', hex(zeroblob(100000)))";
/// A sort of more than fits in memory.
const LARGE_SORT: &str = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 30000) \
     SELECT count(*) FROM (SELECT x, hex(randomblob(50)) y FROM n, users WHERE id = 1 ORDER BY y)";

#[tokio::test]
async fn a_disk_that_fails_at_begin_loses_nothing() {
    everything_acknowledged_is_stored("begin").await;
}

#[tokio::test]
async fn a_disk_that_fails_at_a_statement_loses_nothing() {
    everything_acknowledged_is_stored("statement").await;
}

#[tokio::test]
async fn a_disk_that_is_full_at_a_statement_loses_nothing() {
    everything_acknowledged_is_stored("full").await;
}

#[tokio::test]
async fn a_disk_that_fails_at_commit_loses_nothing() {
    everything_acknowledged_is_stored("commit").await;
}

#[tokio::test]
async fn a_disk_that_fails_at_rollback_loses_nothing() {
    everything_acknowledged_is_stored("rollback").await;
}

#[tokio::test]
async fn a_disk_that_fails_in_a_snapshot_loses_nothing() {
    everything_acknowledged_is_stored("snapshot").await;
}

#[tokio::test]
async fn a_disk_that_fails_while_callers_give_up_loses_nothing() {
    everything_acknowledged_is_stored("given_up").await;
}

/// Runs the other process until it is idle, writes beside it, kills it, and opens its file again.
async fn everything_acknowledged_is_stored(step: &str) {
    let owned = TestDatabase::sqlite().unwrap();
    let world = World::over(&owned).await;
    execute(&world.database, ROWS).await;
    execute(&world.database, "UPDATE invoices SET amount = 100000 WHERE id = 1").await;
    // Nobody else has the file open while its disk fails.
    world.database.close().await.unwrap();
    let mut payer = Payer::start(step, &world);
    let acknowledged = payer.acknowledged_until_idle();
    assert!(acknowledged.len() >= 10, "{step}: {acknowledged:?}");

    let other = connect_briefly(&world.url).await;
    assert!(missing(&other, &acknowledged).await.is_empty(), "{step}: not seen by another program");
    execute(&other, "UPDATE users SET email = 'other@x' WHERE id = 2").await;
    other.close().await.unwrap();
    payer.kill();

    let after = connect(&owned).await;
    assert_eq!(missing(&after, &acknowledged).await, BTreeSet::new(), "{step}: gone after a restart");
    let other = texts(&after, "SELECT email FROM users WHERE id = 2", 1).await;
    assert_eq!(other, [[Some("other@x".to_owned())]], "{step}");
    let sound = texts(&after, "PRAGMA integrity_check", 1).await;
    assert_eq!(sound, [[Some("ok".to_owned())]], "{step}");
    after.close().await.unwrap();
    owned.drop_database().await.unwrap();
}

/// As another program, which does not wait long for a lock that nobody should hold.
async fn connect_briefly(url: &str) -> Database {
    let mut settings = Settings::database_at(url);
    settings.busy_timeout_ms = 2_000;
    Database::connect(&settings).await.unwrap()
}

async fn missing(database: &Database, acknowledged: &BTreeSet<String>) -> BTreeSet<String> {
    let stored = texts(database, "SELECT transaction_id FROM payments", 1).await;
    let stored: BTreeSet<String> = stored.into_iter().flatten().flatten().collect();
    acknowledged.difference(&stored).cloned().collect()
}

/// The other process.
struct Payer {
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Payer {
    fn start(step: &str, world: &World) -> Self {
        let mut command = Command::new("sh");
        // The signal that comes with the limit would end it; PostgreSQL and many services ignore it too.
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
        command.args(["--exact", "full_disk::the_process_whose_disk_fills_up", "--ignored", "--nocapture"]);
        command.env(STEP, step).env(DATABASE, &world.url).env(REDIS_PORT, world.redis.port().to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    fn acknowledged_until_idle(&mut self) -> BTreeSet<String> {
        let mut acknowledged = BTreeSet::new();
        let mut all = Vec::new();
        for line in (&mut self.said).lines() {
            let line = line.unwrap();
            if let Some(id) = line.strip_prefix("acknowledged ") {
                acknowledged.insert(id.to_owned());
            }
            if line == "idle" {
                return acknowledged;
            }
            all.push(line);
        }
        panic!("it ended early: {all:#?}");
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Payer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is started by the tests of this file, in a process of its own"]
async fn the_process_whose_disk_fills_up() {
    let step = env::var(STEP).expect("started by another test");
    let database = Settings::database_at(env::var(DATABASE).unwrap());
    let service = service(database.clone()).await;
    if step == "begin" {
        at_begin(&service).await;
    }
    // While another connection has the file open, the files beside it stay.
    let _other = Database::connect(&database).await.unwrap();
    pay(&service, "before", 5).await;
    fail(&service, &step).await;
    allow(Room::Plenty);
    // On a connection that believes to be in a transaction this would only go back to a savepoint, and leave it open.
    let refused = service.process_payment(payment(1, "1000000", "refused")).await.unwrap_err();
    assert_eq!(refused.code(), "refused", "{refused:?}");
    pay(&service, "after", 5).await;
    println!("idle");
    // Until it is killed.
    let _ = stdin().read(&mut [0]);
}

/// With one connection, so that the next transaction gets the one that the last one left.
async fn service(mut database: DatabaseSettings) -> BillingService {
    let mut settings = Settings::defaults();
    settings.redis.host = "127.0.0.1".to_owned();
    settings.redis.port = env::var(REDIS_PORT).unwrap().parse().unwrap();
    settings.cache.counters_flush_ms = 0;
    database.max_connections = 1;
    let database = Database::lazy(&database).unwrap();
    let cache = billing_core::cached::open_cache(database, &settings.redis, settings.cache).await.unwrap();
    BillingService::without_relay(cache)
}

/// Payments that succeed, each told.
async fn pay(service: &BillingService, when: &str, count: usize) {
    for number in 0..count {
        let id = format!("{when}-{number}");
        let _ = service.process_payment(payment(1, "1", &id)).await.unwrap();
        println!("acknowledged {id}");
    }
}

async fn fail(service: &BillingService, step: &str) {
    match step {
        "statement" => at_statement(service).await,
        "full" => at_full(service).await,
        "commit" => at_commit(service).await,
        "rollback" => at_rollback(service).await,
        "snapshot" => in_snapshot(service).await,
        "given_up" => given_up(service).await,
        "begin" => {}
        other => panic!("there is no step {other}"),
    }
}

/// The first connection would make the files beside the database.
async fn at_begin(service: &BillingService) {
    allow(Room::None);
    for _ in 0..3 {
        assert!(service.begin_write().await.is_err());
        let error = service.process_payment(payment(1, "1", "lost")).await.unwrap_err();
        assert_eq!(error.code(), "unavailable", "{error:?}");
    }
    allow(Room::Plenty);
}

async fn at_statement(service: &BillingService) {
    sql(service, SMALL_CACHE).await;
    allow(Room::None);
    for _ in 0..3 {
        let transaction = service.begin_write().await.unwrap();
        let _: Option<_> = transaction.execute_unprepared(MANY_ROWS).await.ok();
        drop(transaction);
        sql_may_fail(service, SMALL_CACHE).await;
    }
}

/// As a full disk has it: an error of its own, after which SQLite rolls back by itself.
async fn at_full(service: &BillingService) {
    sql(service, "PRAGMA max_page_count = 1").await;
    let transaction = service.begin_write().await.unwrap();
    let error = transaction.execute_unprepared(LARGE_ROW).await.unwrap_err();
    assert!(error.to_string().contains("full"), "{error}");
    drop(transaction);
    sql_may_fail(service, "PRAGMA max_page_count = 1000000").await;
}

async fn at_commit(service: &BillingService) {
    allow(Room::None);
    for number in 0..3 {
        let error = service.process_payment(payment(1, "1", &format!("lost-{number}"))).await.unwrap_err();
        assert_eq!(error.code(), "outcome_unknown", "{error:?}");
    }
}

/// What is rolled back has been written in part.
async fn at_rollback(service: &BillingService) {
    for _ in 0..3 {
        sql(service, SMALL_CACHE).await;
        let transaction = service.begin_write().await.unwrap();
        transaction.execute_unprepared(MANY_ROWS).await.unwrap();
        allow(Room::None);
        let _: Option<_> = transaction.execute_unprepared(MANY_ROWS).await.ok();
        drop(transaction);
        sql_may_fail(service, SMALL_CACHE).await;
        allow(Room::Plenty);
    }
}

/// A read that needs a temporary file: SQLite ends the snapshot by itself, too.
async fn in_snapshot(service: &BillingService) {
    let database = service.cache().source();
    for _ in 0..3 {
        sql(service, SMALL_CACHE).await;
        allow(Room::None);
        let snapshot = database.snapshot().await.unwrap();
        let sorted = snapshot.query_one_raw(Statement::from_string(database.backend(), LARGE_SORT)).await;
        assert!(sorted.is_err(), "the sort took no room");
        drop(snapshot);
        allow(Room::Plenty);
    }
}

/// After every number of polls there is, on a disk that fails.
async fn given_up(service: &BillingService) {
    for polls in 0..60 {
        allow(if polls % 3 == 2 { Room::Plenty } else { Room::None });
        let id = format!("given-up-{polls}");
        drop_after(polls, service.process_payment(payment(1, "1", &id))).await;
        drop_after(polls, service.begin_write()).await;
        drop_after(polls, service.cache().source().snapshot()).await;
    }
}

async fn sql(service: &BillingService, statement: &str) {
    execute(service.cache().source(), statement).await;
}

/// Takes the connection that the last transaction left.
async fn sql_may_fail(service: &BillingService, statement: &str) {
    let _: Option<_> = service.cache().source().connection().execute_unprepared(statement).await.ok();
}

/// How much this process may write to files.
enum Room {
    None,
    Plenty,
}

fn allow(room: Room) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let current = match room {
        Room::None => Some(0),
        Room::Plenty => maximum,
    };
    setrlimit(Resource::Fsize, Rlimit { current, maximum }).unwrap();
}
