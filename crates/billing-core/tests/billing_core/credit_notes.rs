//! The rules of credit notes.

use billing_core::dict::CreditNote;
use billing_core::service::{NewCreditNote, Refusal, TaxingRates};
use tokio::task::JoinSet;

use crate::backends::execute;
use crate::commands::{code, credit_note, done, money, payment, refused};
use crate::example_service::ExampleService;
use crate::world::{World, for_each_world};

async fn note(world: &World, user: i32, id: i32) -> CreditNote {
    let notes = world.process().await.user_credit_notes(user).await.unwrap().value.unwrap();
    notes.iter().find(|note| note.id == id).unwrap().clone()
}

#[tokio::test]
async fn a_credit_note_is_used_up_in_parts() {
    for_each_world(async |world| {
        let process = world.process().await;
        let first = done(process.apply_credit_note_to_invoice(1, 1, Some(money("12.34"))).await);
        assert_eq!((first.total_credit, first.balance_due), (money("12.34"), money("87.66")));
        assert_eq!(first.status.as_deref(), Some("partial"));
        let partial = note(world, 1, 1).await;
        assert_eq!((partial.remaining_amount, partial.status.as_deref()), (Some(money("17.66")), Some("partial")));
        assert_eq!(partial.applied_at, None, "it is not used up yet");

        let rest = done(process.apply_credit_note_to_invoice(1, 1, None).await);
        assert_eq!((rest.total_credit, rest.credit_notes.len()), (money("30"), 2));
        let applied = note(world, 1, 1).await;
        assert_eq!((applied.remaining_amount, applied.status.as_deref()), (Some(money("0")), Some("applied")));
        assert!(applied.applied_at.is_some());
        assert_eq!(applied.amount, Some(money("30")));
    })
    .await;
}

#[tokio::test]
async fn no_more_is_applied_than_is_due() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.process_payment(payment(2, "45", "t")).await);
        let too_much = refused(process.apply_credit_note_to_invoice(2, 2, Some(money("5.01"))).await);
        assert_eq!(too_much, Refusal::ExceedsDue { invoice_id: 2, amount: money("5.01"), due: money("5") });
        let settled = done(process.apply_credit_note_to_invoice(2, 2, None).await);
        assert_eq!((settled.balance_due, settled.status.as_deref()), (money("0"), Some("paid")));
        assert!(settled.paid_at.is_some());
        assert_eq!(note(world, 2, 2).await.remaining_amount, Some(money("15")));
    })
    .await;
}

#[tokio::test]
async fn what_may_not_be_applied_is_refused_and_changes_nothing() {
    for_each_world(async |world| {
        let process = world.process().await;
        let apply = async |note, invoice, amount: &str| {
            refused(process.apply_credit_note_to_invoice(note, invoice, Some(money(amount))).await)
        };
        let exceeds = Refusal::ExceedsCredit { credit_note_id: 1, amount: money("30.01"), remaining: money("30") };
        assert_eq!(apply(1, 1, "30.01").await, exceeds);
        assert_eq!(apply(2, 1, "1").await, Refusal::OtherUser { credit_note_id: 2, invoice_id: 1 });
        for (id, status) in [(3, "applied"), (4, "cancelled")] {
            let closed = Refusal::CreditNoteClosed { credit_note_id: id, status: status.to_owned() };
            assert_eq!(apply(id, 1, "1").await, closed);
        }
        assert!(matches!(apply(1, 3, "1").await, Refusal::PaidButDue { .. }));
        assert!(matches!(apply(1, 4, "1").await, Refusal::InvoiceClosed { .. }));
        assert_eq!(code(&process.apply_credit_note_to_invoice(99, 1, None).await), "not_found");
        assert_eq!(code(&process.apply_credit_note_to_invoice(1, 99, None).await), "not_found");
        for amount in ["0", "-1"] {
            assert_eq!(code(&process.apply_credit_note_to_invoice(1, 1, Some(money(amount))).await), "invalid");
        }
        assert_eq!(world.count("credit_note_applications").await, 0);
        assert_eq!(world.count("cache_invalidations").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_credit_note_refers_to_an_invoice_of_its_user() {
    for_each_world(async |world| {
        let process = world.process().await;
        let about = |invoice| NewCreditNote { reference_invoice_id: Some(invoice), ..credit_note(1, "5") };
        let created = done(process.create_credit_note(about(3)).await);
        assert_eq!(created.reference_invoice_id, Some(3));
        let foreign = refused(process.create_credit_note(about(2)).await);
        assert_eq!(foreign, Refusal::ForeignInvoice { user_id: 1, invoice_id: 2 });
        assert_eq!(code(&process.create_credit_note(about(99)).await), "not_found");
        assert_eq!(code(&process.create_credit_note(credit_note(99, "5")).await), "not_found");
        assert_eq!(world.count("credit_notes").await, 5);
    })
    .await;
}

fn about(invoice: i32, amount: &str) -> NewCreditNote {
    NewCreditNote { reference_invoice_id: Some(invoice), ..credit_note(1, amount) }
}

#[tokio::test]
async fn credit_notes_about_an_invoice_are_together_no_more_than_its_total() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.apply_discount_to_invoice(1, 1).await);
        done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        let exceeds = |amount: &str, credited: &str| Refusal::CreditExceedsTotal {
            invoice_id: 1,
            amount: money(amount),
            credited: money(credited),
            total: money("108"),
        };
        assert_eq!(refused(process.create_credit_note(about(1, "108.01")).await), exceeds("108.01", "0"));
        let first = done(process.create_credit_note(about(1, "100")).await).id;
        assert_eq!(refused(process.create_credit_note(about(1, "8.01")).await), exceeds("8.01", "100"));
        done(process.create_credit_note(about(1, "8")).await);
        assert_eq!(refused(process.create_credit_note(about(1, "0.01")).await), exceeds("0.01", "108"));
        // What was used up counts too; what was withdrawn does not. Goodwill has no limit.
        let set_first = async |status: &str| {
            let sql = format!("UPDATE credit_notes SET status = '{status}' WHERE id = {first}");
            execute(&world.database, &sql).await;
        };
        set_first("applied").await;
        assert_eq!(code(&process.create_credit_note(about(1, "1")).await), "refused");
        set_first("cancelled").await;
        done(process.create_credit_note(about(1, "100")).await);
        done(process.create_credit_note(credit_note(1, "5000")).await);
    })
    .await;
}

#[tokio::test]
async fn credit_beyond_an_invoice_that_is_there_already_stays_and_takes_no_more() {
    for_each_world(async |world| {
        execute(&world.database, "UPDATE credit_notes SET reference_invoice_id = 1, amount = 500 WHERE id = 1").await;
        let process = world.process().await;
        assert_eq!(code(&process.create_credit_note(about(1, "0.01")).await), "refused");
        assert_eq!(note(world, 1, 1).await.amount, Some(money("500")));
        done(process.apply_credit_note_to_invoice(1, 1, None).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_credit_notes_at_once_those_are_made_that_the_total_holds() {
    for_each_world(async |world| {
        let processes = [world.process().await, world.process().await];
        let mut tasks = JoinSet::new();
        for number in 0..8 {
            let process = processes[number % 2].clone();
            tasks.spawn(async move { code(&process.create_credit_note(about(1, "30")).await) });
        }
        let codes = tasks.join_all().await;
        let count = |wanted: &str| codes.iter().filter(|code| **code == wanted).count();
        assert_eq!((count("written"), count("refused")), (3, 5), "{codes:?}");
    })
    .await;
}

#[tokio::test]
async fn over_http_a_credit_note_beyond_the_invoice_is_refused_with_the_sums() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        let note =
            |amount: &str| format!(r#"{{"user_id": 1, "amount": {amount}, "reason": "x", "reference_invoice_id": 1}}"#);
        service.post("/credit-notes", &note("100")).written(201);
        let answer = service.post("/credit-notes", &note("5000"));
        assert_eq!(answer.error(), (422, "refused".to_owned()));
        let words = "its total is 100.00, and other notes that refer to it are 100.00";
        assert!(answer.text.contains(words), "{}", answer.text);
    })
    .await;
}

#[tokio::test]
async fn a_status_this_code_does_not_know_is_not_open() {
    for_each_world(async |world| {
        execute(&world.database, "UPDATE credit_notes SET status = 'disputed' WHERE id = 1").await;
        let process = world.process().await;
        let refusal = refused(process.apply_credit_note_to_invoice(1, 1, None).await);
        assert_eq!(refusal, Refusal::CreditNoteClosed { credit_note_id: 1, status: "disputed".to_owned() });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_credit_note_for_many_invoices_at_once_is_used_once() {
    for_each_world(async |world| {
        let processes = [world.process().await, world.process().await];
        let more = "INSERT INTO invoices (user_id, amount, due_date) SELECT 1, 100, due_date FROM invoices";
        execute(&world.database, more).await;
        for round in 0..5 {
            let id = done(processes[0].create_credit_note(credit_note(1, "30")).await).id;
            let mut tasks = JoinSet::new();
            for (invoice, process) in (5..=8).zip(processes.iter().cycle().cloned()) {
                let apply = async move { process.apply_credit_note_to_invoice(id, invoice, Some(money("20"))).await };
                tasks.spawn(async move { code(&apply.await) });
            }
            let mut codes = tasks.join_all().await;
            codes.sort_unstable();
            assert_eq!(codes, ["refused", "refused", "refused", "written"], "round {round}");
            assert_eq!(note(world, 1, id).await.remaining_amount, Some(money("10")));
        }
    })
    .await;
}
