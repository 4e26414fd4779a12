//! The rules of payments, one after the other and all at once.

use billing_core::entities::InvoiceStatus;
use billing_core::service::{BillingError, Entity, NewPayment, Refusal};
use tokio::task::JoinSet;

use crate::backends::execute;
use crate::commands::{code, done, money, payment, refused};
use crate::world::{World, for_each_world};

async fn invoice_status(world: &World, id: i32) -> String {
    let sql = format!("SELECT status FROM invoices WHERE id = {id} AND (paid_at IS NOT NULL) = (status = 'paid')");
    world.column(&sql).await.remove(0).unwrap()
}

#[tokio::test]
async fn an_invoice_is_paid_in_parts_and_never_more_than_is_due() {
    for_each_world(async |world| {
        let process = world.process().await;
        let too_much =
            |amount: &str, due: &str| Refusal::ExceedsDue { invoice_id: 1, amount: money(amount), due: money(due) };
        assert_eq!(refused(process.process_payment(payment(1, "100.01", "a")).await), too_much("100.01", "100"));
        done(process.process_payment(payment(1, "30", "b")).await);
        assert_eq!(invoice_status(world, 1).await, "partial");
        assert_eq!(refused(process.process_payment(payment(1, "70.01", "c")).await), too_much("70.01", "70"));
        done(process.process_payment(payment(1, "69.99", "d")).await);
        done(process.process_payment(payment(1, "0.01", "e")).await);
        assert_eq!(invoice_status(world, 1).await, "paid");
        let details = process.invoice_details(1).await.unwrap().value.unwrap();
        assert_eq!((details.total_paid, details.balance_due), (money("100"), money("0")));
        assert_eq!((details.amount, details.status.as_deref()), (money("100"), Some("paid")));
        assert!(details.paid_at.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused_and_leaves_nothing_behind() {
    for_each_world(async |world| {
        execute(
            &world.database,
            "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status)
                VALUES (2, 60, 'card', 'python', 'completed');
             DELETE FROM cache_invalidations",
        )
        .await;
        let process = world.process().await;
        for (invoice_id, status) in [(4, InvoiceStatus::Cancelled), (2, InvoiceStatus::Paid)] {
            let refusal = refused(process.process_payment(payment(invoice_id, "1", "t")).await);
            assert_eq!(refusal, Refusal::InvoiceClosed { invoice_id, status });
        }
        let missing = process.process_payment(payment(99, "1", "t")).await.unwrap_err();
        assert!(matches!(missing, BillingError::NotFound { entity: Entity::Invoice, id: 99 }), "{missing}");
        assert_eq!(world.count("payments").await, 1);
        assert_eq!(world.count("cache_invalidations").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_overdue_invoice_stays_overdue_until_all_of_it_is_paid() {
    for_each_world(async |world| {
        let past = "UPDATE invoices SET due_date = '2020-01-01 00:00:00', status = 'overdue' WHERE id = 1";
        execute(&world.database, past).await;
        let process = world.process().await;
        done(process.process_payment(payment(1, "99.99", "a")).await);
        assert_eq!(invoice_status(world, 1).await, "overdue");
        done(process.process_payment(payment(1, "0.01", "b")).await);
        assert_eq!(invoice_status(world, 1).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn payments_that_are_not_completed_do_not_count_and_are_not_taken_for_taken() {
    for_each_world(async |world| {
        execute(
            &world.database,
            "INSERT INTO payments (invoice_id, amount, payment_method, transaction_id, status)
                VALUES (1, 100, 'card', 'p', 'pending'), (1, 100, 'card', 'f', 'failed')",
        )
        .await;
        let process = world.process().await;
        for id in ["p", "f"] {
            assert_eq!(code(&process.process_payment(payment(1, "100", id)).await), "conflict");
        }
        execute(&world.database, "UPDATE payments SET status = 'failed' WHERE transaction_id = 'p'").await;
        done(process.process_payment(payment(1, "100", "t")).await);
        assert_eq!(invoice_status(world, 1).await, "paid");
    })
    .await;
}

#[tokio::test]
async fn the_same_transaction_id_is_the_same_payment_or_a_conflict() {
    for_each_world(async |world| {
        let (process, other) = (world.process().await, world.process().await);
        let first = done(process.process_payment(payment(1, "100", "t")).await);
        // Also when the invoice is paid by it.
        for process in [&process, &other] {
            assert_eq!(done(process.process_payment(payment(1, "100.00", "t")).await), first);
        }
        let by_transfer = NewPayment { payment_method: "bank_transfer".to_owned(), ..payment(1, "100", "t") };
        for command in [payment(1, "99.99", "t"), payment(2, "100", "t"), payment(2, "1", "t"), by_transfer] {
            assert_eq!(code(&other.process_payment(command).await), "conflict");
        }
        assert_eq!(world.count("payments").await, 1);
        // An id is a text, not a pattern or a number.
        for id in ["T", "t ", "%"] {
            done(process.process_payment(payment(2, "1", id)).await);
        }
    })
    .await;
}

#[tokio::test]
async fn a_payment_taken_before_is_invalidated_again_because_its_writer_may_have_died() {
    for_each_world(async |world| {
        let (process, reader) = (world.process().await, world.process().await);
        reader.invoice_details(1).await.unwrap();
        let old = world.cached("invoice:1").unwrap();
        done(process.process_payment(payment(1, "100", "t")).await);
        // As after a crash between the commit and the invalidation, when the client asks once more.
        let _: () = world.redis.command(&["SET", "invoice:1", &old, "EX", "300"]).unwrap();
        done(process.process_payment(payment(1, "100", "t")).await);
        assert_eq!(reader.invoice_details(1).await.unwrap().value.unwrap().status.as_deref(), Some("paid"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_payments_at_once_those_are_taken_that_are_due() {
    for_each_world(async |world| {
        let processes = [world.process().await, world.process().await];
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let process = processes[number % 2].clone();
            tasks.spawn(async move { process.process_payment(payment(1, "30", &format!("t{number}"))).await });
        }
        let (mut taken, mut refusals) = (0, Vec::new());
        for outcome in tasks.join_all().await {
            match outcome {
                Ok(_) => taken += 1,
                Err(BillingError::Refused(refusal)) => refusals.push(refusal),
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((taken, refusals.len()), (3, 17));
        assert!(refusals.iter().all(|refusal| matches!(refusal, Refusal::ExceedsDue { .. })), "{refusals:?}");
        for process in &processes {
            let details = process.invoice_details(1).await.unwrap().value.unwrap();
            assert_eq!((details.payments.len(), details.balance_due), (3, money("10")));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_transaction_id_from_ten_tasks_is_one_payment() {
    for_each_world(async |world| {
        let processes = [world.process().await, world.process().await];
        let mut tasks = JoinSet::new();
        for number in 0..10 {
            let process = processes[number % 2].clone();
            tasks.spawn(async move { done(process.process_payment(payment(1, "60", "t")).await) });
        }
        let answers = tasks.join_all().await;
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(world.count("payments").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_transaction_id_for_two_invoices_at_once_pays_one_of_them() {
    for_each_world(async |world| {
        let processes = [world.process().await, world.process().await];
        for round in 0..10 {
            let mut tasks = JoinSet::new();
            for (process, invoice_id) in processes.iter().cloned().zip([1, 2]) {
                let command = payment(invoice_id, "1", &format!("t{round}"));
                tasks.spawn(async move { code(&process.process_payment(command).await) });
            }
            let mut codes = tasks.join_all().await;
            codes.sort_unstable();
            assert_eq!(codes, ["conflict", "written"]);
        }
    })
    .await;
}
