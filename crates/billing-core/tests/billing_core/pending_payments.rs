//! Payments that are pending: what they are for is reserved, and counts in no total.

use billing_core::service::{PendingPayments, Refusal, TaxingRates};
use tokio::task::JoinSet;

use crate::backends::execute;
use crate::commands::{amount_off, code, done, money, payment, percentage, refused};
use crate::example_service::ExampleService;
use crate::world::{World, for_each_world};

/// As the platform's older code stores a payment.
async fn add_pending(world: &World, amounts: &[&str]) {
    for (number, amount) in amounts.iter().enumerate() {
        let row = format!("(1, {amount}, 'card', 'python{number}', 'pending')");
        let columns = "invoice_id, amount, payment_method, transaction_id, status";
        execute(&world.database, &format!("INSERT INTO payments ({columns}) VALUES {row}")).await;
    }
}

fn pending(total: &str, ids: &[i32]) -> PendingPayments {
    PendingPayments { total: money(total), ids: ids.to_vec() }
}

fn reserved(amount: &str, due: &str, pending: PendingPayments) -> Refusal {
    Refusal::Reserved { invoice_id: 1, amount: money(amount), due: money(due), pending }
}

#[tokio::test]
async fn what_is_pending_is_neither_paid_nor_credited_by_others() {
    for_each_world(async |world| {
        add_pending(world, &["40", "20"]).await;
        let process = world.process().await;
        let both = || pending("60", &[1, 2]);
        for amount in ["100", "40.01"] {
            let refusal = refused(process.process_payment(payment(1, amount, "t")).await);
            assert_eq!(refusal, reserved(amount, "100", both()));
        }
        assert_eq!(code(&process.process_payment(payment(1, "100.01", "t")).await), "refused");
        let details = done(process.apply_credit_note_to_invoice(1, 1, None).await);
        assert_eq!((details.total_credit, details.total_paid), (money("30"), money("0")));
        assert_eq!(details.balance_due, money("70"), "pending payments count in no total");
        done(process.process_payment(payment(1, "10", "u")).await);
        let refusal = refused(process.process_payment(payment(1, "0.01", "v")).await);
        assert_eq!(refusal, reserved("0.01", "60", both()));
        execute(&world.database, "UPDATE credit_notes SET user_id = 1 WHERE id = 2").await;
        let refusal = refused(process.apply_credit_note_to_invoice(2, 1, Some(money("1"))).await);
        assert_eq!(refusal, reserved("1", "60", both()));
        let refusal = refused(process.apply_credit_note_to_invoice(2, 1, None).await);
        assert_eq!(refusal, reserved("20", "60", both()));
    })
    .await;
}

#[tokio::test]
async fn a_pending_payment_that_ends_makes_room_or_takes_it() {
    for_each_world(async |world| {
        add_pending(world, &["60", "40"]).await;
        let process = world.process().await;
        assert_eq!(code(&process.process_payment(payment(1, "1", "t")).await), "refused");
        let end = async |status: &str, id: i32| {
            let sql = format!("UPDATE payments SET status = '{status}' WHERE id = {id}");
            execute(&world.database, &sql).await;
        };
        end("failed", 1).await;
        end("completed", 2).await;
        done(process.process_payment(payment(1, "60", "t")).await);
        assert_eq!(process.invoice_details(1).await.unwrap().value.unwrap().status.as_deref(), Some("paid"));
    })
    .await;
}

#[tokio::test]
async fn neither_discount_nor_tax_takes_off_what_is_pending() {
    for_each_world(async |world| {
        add_pending(world, &["90"]).await;
        let process = world.process().await;
        let less =
            |due: &str| Refusal::LessThanPending { invoice_id: 1, due: money(due), pending: pending("90", &[1]) };
        assert_eq!(refused(process.apply_discount_to_invoice(1, 6).await), less("0"));
        let taken_off = done(process.create_discount(amount_off("Most", "10.01")).await).id;
        assert_eq!(refused(process.apply_discount_to_invoice(1, taken_off).await), less("89.99"));
        done(process.apply_discount_to_invoice(1, 1).await);
        assert_eq!(done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await).balance_due, money("108"));
        // Computed anew, the tax is less than what another program put there.
        execute(&world.database, "UPDATE payments SET amount = 110; UPDATE invoice_taxes SET tax_amount = 30").await;
        let refusal = refused(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        assert_eq!(
            refusal,
            Refusal::LessThanPending { invoice_id: 1, due: money("108"), pending: pending("110", &[1]) }
        );
    })
    .await;
}

#[tokio::test]
async fn a_tax_is_no_worse_where_others_have_promised_more_than_is_due() {
    for_each_world(async |world| {
        add_pending(world, &["100", "100"]).await;
        let process = world.process().await;
        assert_eq!(done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await).balance_due, money("120"));
        let off = done(process.create_discount(percentage("Little", "1")).await).id;
        assert_eq!(code(&process.apply_discount_to_invoice(1, off).await), "refused");
        assert_eq!(code(&process.process_payment(payment(1, "1", "t")).await), "refused");
    })
    .await;
}

#[tokio::test]
async fn a_pending_refund_makes_no_room_and_other_words_reserve_nothing() {
    for_each_world(async |world| {
        add_pending(world, &["-50", "30", "70"]).await;
        execute(&world.database, "UPDATE payments SET status = 'failed' WHERE id = 3").await;
        let process = world.process().await;
        let refusal = refused(process.process_payment(payment(1, "71", "t")).await);
        assert_eq!(refusal, reserved("71", "100", pending("30", &[2])));
        done(process.process_payment(payment(1, "70", "t")).await);
    })
    .await;
}

#[tokio::test]
async fn over_http_the_pending_payments_are_named_and_what_ends_the_wait() {
    for_each_world(async |world| {
        add_pending(world, &["60"]).await;
        let command = r#"{"invoice_id": 1, "amount": 100, "payment_method": "card", "transaction_id": "t"}"#;
        let answer = ExampleService::over(world).post("/payments", command);
        assert_eq!(answer.error(), (422, "refused".to_owned()));
        let sentence = "100.00 is more than the 40.00 left to pay on invoice 1: of the 100.00 due 60.00 is reserved for pending \
                        payment 1, until the payment provider confirms that it is completed or failed";
        assert_eq!(answer.json()["error"]["message"], sentence);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_payments_at_once_those_are_taken_that_pending_ones_leave() {
    for_each_world(async |world| {
        add_pending(world, &["35", "20"]).await;
        let processes = [world.process().await, world.process().await];
        let mut tasks = JoinSet::new();
        for number in 0..12 {
            let process = processes[number % 2].clone();
            tasks.spawn(async move { code(&process.process_payment(payment(1, "20", &format!("t{number}"))).await) });
        }
        let codes = tasks.join_all().await;
        let count = |wanted: &str| codes.iter().filter(|code| **code == wanted).count();
        assert_eq!((count("written"), count("refused")), (2, 10), "{codes:?}");
    })
    .await;
}
