//! A row that cannot be read costs what is computed from it and nothing else, and is told apart from a failing
//! database.

use billing_core::service::{BillingError, BillingService, NewInvoice, ReadResult, TaxingRates};
use sea_orm::DbBackend;

use crate::backends::execute;
use crate::commands::{done, invoice, payment};
use crate::example_service::ExampleService;
use crate::world::{World, for_each_world};

/// What makes invoice 1 unreadable: table, column and stored value.
type Spoilt = (&'static str, &'static str, &'static str);

const ON_SQLITE: &[Spoilt] = &[
    ("invoices", "amount", "'12,50'"),
    ("invoices", "amount", "1e300"),
    ("invoices", "amount", "x'ff'"),
    ("invoices", "due_date", "'2026-01-01'"),
    ("invoices", "created_at", "1700000000"),
    ("invoices", "created_at", "2460000.5"),
    ("invoices", "paid_at", "x'00ff'"),
    ("invoices", "due_date", "'12026-01-01 00:00:00'"),
    ("invoices", "due_date", "'0000-01-01 00:00:00'"),
    ("invoices", "status", "x'ff'"),
    ("invoices", "billing_country", "x'ff'"),
    ("payments", "amount", "'ten'"),
    ("payments", "created_at", "'now'"),
    ("payments", "payment_method", "x'ff'"),
];

const ON_POSTGRES: &[Spoilt] = &[
    ("invoices", "amount", "'NaN'"),
    ("invoices", "due_date", "'-infinity'"),
    ("invoices", "created_at", "'0044-03-15 00:00:00 BC'"),
    ("invoices", "paid_at", "'20000-01-01 00:00:00'"),
    ("payments", "amount", "'NaN'"),
    ("payments", "created_at", "'-infinity'"),
];

fn spoilt(backend: DbBackend) -> &'static [Spoilt] {
    if backend == DbBackend::Sqlite { ON_SQLITE } else { ON_POSTGRES }
}

fn forget(world: &World) {
    world.redis.command::<()>(&["FLUSHALL"]).unwrap();
}

#[track_caller]
fn assert_unreadable<V: std::fmt::Debug>(read: &ReadResult<V>, table: &str, id: &str) {
    let Err(error @ BillingError::Unreadable(row)) = read else { panic!("{read:?}") };
    assert_eq!((row.table, row.id.as_str(), error.code(), error.is_transient()), (table, id, "unreadable", false));
    let sentence = error.to_string();
    assert!(sentence.len() < 300 && !sentence.chars().any(char::is_control), "{sentence}");
}

async fn with_a_payment(world: &World) -> BillingService {
    let process = world.process().await;
    done(process.process_payment(payment(1, "10", "t-1")).await);
    process
}

#[tokio::test]
async fn an_invoice_fails_alone_whatever_stands_in_its_rows() {
    for_each_world(async |world| {
        let process = with_a_payment(world).await;
        execute(&world.database, "CREATE TABLE saved_invoices AS SELECT * FROM invoices").await;
        execute(&world.database, "CREATE TABLE saved_payments AS SELECT * FROM payments").await;
        for (table, column, value) in spoilt(world.database.backend()) {
            println!("{table}.{column} = {value}");
            execute(&world.database, &format!("UPDATE {table} SET {column} = {value} WHERE id = 1")).await;
            forget(world);
            let read = process.invoices_details(&[1, 2, 3]).await.unwrap();
            assert_unreadable(&read[0], table, "1");
            assert!(read[1..].iter().all(|read| read.as_ref().unwrap().value.is_some()), "{read:?}");
            assert_unreadable(&process.invoice_details(1).await, table, "1");
            assert_eq!(world.cached("invoice:1"), None);
            let paid = process.process_payment(payment(1, "1", "t-2")).await;
            assert!(matches!(paid, Err(BillingError::Unreadable(_))), "{paid:?}");
            done(process.process_payment(payment(2, "0.01", &format!("{column}{value}"))).await);
            let restored = format!("SELECT {column} FROM saved_{table} AS saved WHERE saved.id = {table}.id");
            execute(&world.database, &format!("UPDATE {table} SET {column} = ({restored}) WHERE id = 1")).await;
        }
        assert!(process.invoice_details(1).await.unwrap().value.is_some());
    })
    .await;
}

#[tokio::test]
async fn infinity_is_no_end_and_a_time_that_nobody_knows() {
    for_each_world(async |world| {
        if world.database.backend() == DbBackend::Sqlite {
            return; // It has no such time.
        }
        execute(
            &world.database,
            "UPDATE discounts SET valid_to = 'infinity' WHERE id = 2; UPDATE discounts SET valid_from = 'infinity' WHERE
             id = 6; UPDATE invoices SET due_date = 'infinity', created_at = 'infinity' WHERE id = 1",
        )
        .await;
        let process = world.process().await;
        let discounts = process.active_discounts().await.unwrap().value.unwrap();
        let ends: Vec<_> = discounts.iter().map(|discount| (discount.id, discount.valid_to)).collect();
        assert_eq!(ends, [(1, None), (2, None)]);
        done(process.apply_discount_to_invoice(1, 2).await);
        let details = process.invoice_details(1).await.unwrap().value.unwrap();
        assert_eq!((details.due_date, details.created_at), (None, None));
        assert_eq!(process.mark_overdue_invoices().await.unwrap().value, 0);
    })
    .await;
}

#[tokio::test]
async fn discounts_notes_and_rates_cost_their_list_their_user_and_their_place() {
    for_each_world(async |world| {
        let process = world.process().await;
        let bad_time = if world.database.backend() == DbBackend::Sqlite { "'soon'" } else { "'-infinity'" };
        for (table, column, id) in
            [("discounts", "created_at", 2), ("credit_notes", "created_at", 1), ("tax_rates", "updated_at", 2)]
        {
            execute(&world.database, &format!("UPDATE {table} SET {column} = {bad_time} WHERE id = {id}")).await;
        }
        let discounts = process.active_discounts().await.unwrap().value.unwrap();
        assert_eq!(discounts.iter().map(|discount| discount.id).collect::<Vec<_>>(), [1, 6]);
        let applied = process.apply_discount_to_invoice(1, 2).await;
        assert!(matches!(&applied, Err(BillingError::Unreadable(row)) if row.table == "discounts"), "{applied:?}");

        let notes = process.users_credit_notes(&[1, 2]).await.unwrap();
        assert_unreadable(&notes[0], "credit_notes", "1");
        assert_eq!(notes[1].as_ref().unwrap().value.as_ref().unwrap().len(), 1);

        assert_unreadable(&process.applicable_tax_rate("US", Some("CA")).await, "tax_rates", "2");
        assert!(process.applicable_tax_rate("US", Some("NY")).await.unwrap().value.is_none());
        assert!(process.applicable_tax_rate("GB", None).await.unwrap().value.is_some());
        let american = NewInvoice { billing_country: "US".to_owned(), ..invoice(2, "10") };
        let invoice = process.create_invoice(american).await.unwrap().value.id;
        let taxed = process.calculate_invoice_taxes(invoice, Some("CA"), TaxingRates::Copied).await;
        assert!(matches!(&taxed, Err(BillingError::Unreadable(row)) if row.table == "tax_rates"), "{taxed:?}");
    })
    .await;
}

#[tokio::test]
async fn over_http_it_is_500_with_table_and_id_and_the_database_is_well() {
    for_each_world(async |world| {
        let service = ExampleService::over(world);
        let bad_time = if world.database.backend() == DbBackend::Sqlite { "'soon'" } else { "'-infinity'" };
        execute(&world.database, &format!("UPDATE invoices SET due_date = {bad_time} WHERE id = 1")).await;
        let payment = r#"{"invoice_id": 1, "amount": 1, "payment_method": "card", "transaction_id": "t"}"#;
        for answer in [service.get("/invoices/1/details"), service.post("/payments", payment)] {
            assert_eq!(answer.error(), (500, "unreadable".to_owned()), "{answer:?}");
            assert!(answer.text.contains("row 1 of invoices") && answer.text.contains("due_date"), "{answer:?}");
            assert_eq!(answer.retry_after, "");
        }
        service.get("/invoices/2/details").read(200, "loaded");
        assert_eq!(service.get("//healthz").status, 200);
    })
    .await;
}
