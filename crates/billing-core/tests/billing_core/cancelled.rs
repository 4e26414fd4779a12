//! Callers who give up: whatever moment they choose, a write is either undone or invalidated, and no transaction stays
//! open.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use billing_outbox::database::Database;
use sea_orm::DbBackend;
use test_support::eventually;

use crate::backends::execute;
use crate::commands::{money, payment};
use crate::world::{DEADLINE, World, for_each_world};

/// Polls the future so many times and then drops it; says whether it came to its end.
pub(crate) async fn drop_after<F: Future>(polls: usize, future: F) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// A payment whose caller gives up after so many polls. Says whether it was written, and whether its caller learnt it.
async fn pay_and_give_up(world: &World, polls: usize) -> (bool, bool) {
    let (writer, reader) = (world.process().await, world.process().await);
    execute(&world.database, "INSERT INTO invoices (user_id, amount, due_date) VALUES (1, 10, '2099-01-01 00:00:00')")
        .await;
    let id = world.column("SELECT CAST(max(id) AS TEXT) FROM invoices").await.remove(0).unwrap().parse().unwrap();
    execute(&world.database, "DELETE FROM cache_invalidations").await;
    reader.invoice_details(id).await.unwrap();
    let told = drop_after(polls, writer.process_payment(payment(id, "4", &format!("t{id}")))).await;
    // Waits for commits that go on without their caller.
    writer.close().await;

    let written = world.count(&format!("payments WHERE invoice_id = {id}")).await == 1;
    let seen = reader.invoice_details(id).await.unwrap().value.unwrap();
    let due = if written { "6" } else { "10" };
    assert_eq!(seen.balance_due, money(due), "dropped after {polls} polls, written: {written}");
    assert_eq!(world.count("cache_invalidations WHERE relayed_at IS NULL").await, 0, "dropped after {polls} polls");
    (written, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_caller_gives_up_is_undone_or_invalidated() {
    for_each_world(async |world| {
        let (mut undone, mut unheard, mut told) = (0, 0, 0);
        for sweep in 1..=2 {
            // Every moment from before the first statement until after the last, and some rounds more.
            for polls in 0.. {
                match pay_and_give_up(world, polls).await {
                    (false, _) => undone += 1,
                    (true, false) => unheard += 1,
                    (true, true) => told += 1,
                }
                if told == sweep * 10 {
                    break;
                }
                assert!(polls < 1_000, "a payment is never done");
            }
        }
        println!("{undone} undone, {unheard} written without a word, {told} written");
        assert!(undone > 0);
        assert_eq!(world.count("invoices WHERE status = 'partial'").await, unheard + told);
    })
    .await;
}

/// A database handle with one connection, so that whatever a caller leaves open is what the next one gets.
async fn narrow(world: &World) -> Database {
    let mut settings = world.settings().database;
    settings.max_connections = 1;
    Database::connect(&settings).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_whose_caller_gives_up_while_it_begins_is_not_left_open() {
    for_each_world(async |world| {
        let mut settings = world.settings();
        settings.database.max_connections = 1;
        let writer = world.process_with(settings).await;
        let reader = narrow(world).await;
        for polls in 0..40 {
            drop_after(polls, writer.begin_write()).await;
            drop_after(polls, reader.snapshot()).await;
            let (one, other) = (format!("one{polls}@x"), format!("other{polls}@x"));
            // These commit by themselves, but for those inside a transaction that somebody left.
            execute(writer.cache().source(), &format!("UPDATE users SET email = '{one}' WHERE id = 1")).await;
            execute(&reader, &format!("UPDATE users SET email = '{other}' WHERE id = 2")).await;
            let seen = world.column("SELECT email FROM users WHERE id IN (1, 2) ORDER BY id").await;
            assert_eq!(seen, [Some(one), Some(other)], "dropped after {polls} polls");
        }
        assert_nothing_is_open(world).await;
        reader.close().await.unwrap();
    })
    .await;
}

/// SQLite has no list of transactions, but only one of them can write.
async fn assert_nothing_is_open(world: &World) {
    if world.database.backend() == DbBackend::Sqlite {
        execute(&world.database, "UPDATE users SET email = 'last@x' WHERE id = 1").await;
        return;
    }
    let open = "pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    eventually(DEADLINE, || async { world.count(open).await == 0 }).await.unwrap();
}
