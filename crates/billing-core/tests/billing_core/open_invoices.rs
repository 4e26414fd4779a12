//! Which invoices take payments, credits, discounts and taxes: by the status words of the contract, and no others.

use billing_core::entities::InvoiceStatus;
use billing_core::service::{BillingService, PendingPayments, Refusal, TaxingRates};
use serde_json::json;

use crate::backends::execute;
use crate::commands::{code, done, money, payment, refused};
use crate::example_service::ExampleService;
use crate::world::{World, for_each_world};

/// Words of other programs: other spellings, and those of newer models.
const UNKNOWN: [&str; 8] = ["void", "refunded", "draft", "Paid", "paid ", "", "issued", "sent"];

async fn set_status(world: &World, id: i32, status: &str) {
    let late = "due_date = '2020-01-01 00:00:00'";
    execute(&world.database, &format!("UPDATE invoices SET status = '{status}', {late} WHERE id = {id}")).await;
}

/// What each operation that changes what is due answers.
async fn refusals(process: &BillingService, id: i32) -> Vec<Refusal> {
    vec![
        refused(process.process_payment(payment(id, "1", "t")).await),
        refused(process.apply_credit_note_to_invoice(1, id, None).await),
        refused(process.apply_discount_to_invoice(id, 1).await),
        refused(process.calculate_invoice_taxes(id, None, TaxingRates::Copied).await),
    ]
}

#[tokio::test]
async fn a_status_that_is_no_word_of_the_contract_is_refused_by_name() {
    for_each_world(async |world| {
        let process = world.process().await;
        for status in UNKNOWN {
            set_status(world, 1, status).await;
            let expected = Refusal::InvoiceNotOpen { invoice_id: 1, status: status.to_owned() };
            assert_eq!(refusals(&process, 1).await, vec![expected.clone(); 4]);
            assert!(expected.to_string().contains(&format!("the status {status:?}, and only unpaid")), "{expected}");
            assert_eq!(done(process.mark_overdue_invoices().await), 0, "{status:?}");
        }
        assert_eq!(world.count("payments").await, 0);
    })
    .await;
}

#[tokio::test]
async fn open_is_what_is_unpaid_partly_paid_or_overdue() {
    for_each_world(async |world| {
        let process = world.process().await;
        for status in InvoiceStatus::ALL {
            set_status(world, 2, status.as_str()).await;
            let expected = if status.is_open() { "written" } else { "refused" };
            assert_eq!(code(&process.process_payment(payment(2, "1", status.as_str())).await), expected, "{status}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_status_reaches_no_terminal_as_it_is() {
    for_each_world(async |world| {
        set_status(world, 1, "paid\u{1b}[2J\u{9b}\u{202e}").await;
        let answer = ExampleService::over(world).post("/invoices/1/taxes", "");
        assert_eq!(answer.error(), (422, "refused".to_owned()));
        let sentence = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(sentence.contains(r#"the status "paid\u{1b}[2J\u{9b}\u{202e}", and"#), "{sentence}");
    })
    .await;
}

// The transactions that were refused are rolled back while the other process is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_invoice_beside_an_amount_due_is_refused_with_the_sum_and_what_to_do() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.process_payment(payment(1, "70", "a")).await);
        done(process.process_payment(payment(1, "30", "b")).await);
        execute(&world.database, "UPDATE payments SET status = 'failed' WHERE transaction_id = 'b'").await;
        let nothing = PendingPayments { total: money("0"), ids: Vec::new() };
        let expected = Refusal::PaidButDue { invoice_id: 1, due: money("30"), pending: nothing };
        assert_eq!(refusals(&process, 1).await, vec![expected.clone(); 4]);
        let answer = ExampleService::over(world).post("/invoices/1/taxes", "");
        assert_eq!(answer.error(), (422, "refused".to_owned()));
        let sentence = "invoice 1 is marked as paid while 30.00 is due on it; record what paid it, or set its status to \
                        unpaid so that 30.00 can be paid";
        assert_eq!(answer.json()["error"]["message"], json!(sentence));

        execute(&world.database, "UPDATE payments SET status = 'pending' WHERE transaction_id = 'b'").await;
        let pending = refused(process.process_payment(payment(1, "1", "t")).await).to_string();
        assert!(pending.contains("30.00 of it is reserved for pending payment 2, until"), "{pending}");
        assert!(!pending.contains("set its status"), "nobody should take it twice: {pending}");
    })
    .await;
}
