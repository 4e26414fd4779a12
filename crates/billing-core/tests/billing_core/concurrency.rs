//! Many writers at once: no sum goes wrong, and nobody waits for ever for somebody who waits for him.

use billing_core::service::{BillingError, BillingService, TaxingRates};
use tokio::task::JoinSet;

use crate::backends::execute;
use crate::commands::{amount_off, money, payment, rate};
use crate::world::{DEADLINE, World, for_each_world};

/// Rules may forbid some of the writes; the database may not fail any.
fn assert_written_or_forbidden<T>(result: Result<T, BillingError>) {
    match result {
        Ok(_) | Err(BillingError::Refused(_) | BillingError::Conflict(_)) => {}
        Err(other) => panic!("{other:?}"),
    }
}

async fn all_end(tasks: JoinSet<()>) {
    tokio::time::timeout(DEADLINE, tasks.join_all()).await.expect("some writers wait for each other");
}

async fn two_processes(world: &World) -> [BillingService; 2] {
    [world.process().await, world.process().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_credit_notes_and_discounts_at_once_never_overpay() {
    for_each_world(async |world| {
        let processes = two_processes(world).await;
        let mut tasks = JoinSet::new();
        for number in 0..24 {
            let process = processes[number % 2].clone();
            tasks.spawn(async move {
                match number % 4 {
                    0 | 1 => {
                        let command = payment(1, "15.55", &format!("t{number}"));
                        assert_written_or_forbidden(process.process_payment(command).await);
                    }
                    2 => {
                        let amount = Some(money("7.77"));
                        assert_written_or_forbidden(process.apply_credit_note_to_invoice(1, 1, amount).await);
                    }
                    _ => {
                        let discount = if number % 8 == 3 { 1 } else { 2 };
                        assert_written_or_forbidden(process.apply_discount_to_invoice(1, discount).await);
                    }
                }
            });
        }
        all_end(tasks).await;
        let details = world.process().await.invoice_details(1).await.unwrap().value.unwrap();
        assert!(!details.balance_due.is_negative(), "{details:?}");
        assert_eq!(details.balance_due, details.total - details.total_paid - details.total_credit);
        assert!(details.balance_due < money("15.55"), "somebody was refused too early: {details:?}");
        assert!(details.total_credit <= money("30"), "{details:?}");
        let notes = world.process().await.user_credit_notes(1).await.unwrap().value.unwrap();
        assert_eq!(notes[0].remaining_amount, Some(money("30") - details.total_credit));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_every_kind_do_not_wait_for_each_other_in_a_circle() {
    for_each_world(async |world| {
        let more = "
            INSERT INTO invoices (user_id, amount, due_date) SELECT 1, 100, '2020-01-01 00:00:00' FROM invoices;
            INSERT INTO invoices (user_id, amount, due_date) SELECT 1, 100, '2099-01-01 00:00:00' FROM invoices";
        execute(&world.database, more).await;
        let processes = two_processes(world).await;
        let mut tasks = JoinSet::new();
        for number in 0..96_u8 {
            let process = processes[usize::from(number % 2)].clone();
            tasks.spawn(async move { write_something(&process, number).await });
        }
        all_end(tasks).await;
        assert_eq!(world.count("payments").await, 12);
    })
    .await;
}

async fn write_something(process: &BillingService, number: u8) {
    let invoice = i32::from(number / 8) + 5;
    match number % 8 {
        0 => drop(process.process_payment(payment(invoice, "1", &format!("t{number}"))).await.unwrap()),
        1 => assert_written_or_forbidden(process.apply_credit_note_to_invoice(1, invoice, Some(money("0.5"))).await),
        2 => assert_written_or_forbidden(process.apply_discount_to_invoice(invoice, 1).await),
        3 => assert_written_or_forbidden(process.calculate_invoice_taxes(invoice, None, TaxingRates::Copied).await),
        4 => assert_written_or_forbidden(process.mark_overdue_invoices().await),
        5 => assert_written_or_forbidden(process.update_discount(1, amount_off("x", "1")).await),
        6 => assert_written_or_forbidden(process.update_tax_rate(1, rate("GB", None, "19")).await),
        _ => assert_written_or_forbidden(process.apply_credit_note_to_invoice(1, 21 - invoice, None).await),
    }
}
