//! The rules of tax rates: one default for a place, and none deleted that stands on an invoice.

use billing_core::service::{Refusal, TaxRateInput, TaxingRates};
use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait};
use test_support::eventually;
use tokio::task::JoinSet;

use crate::backends::execute;
use crate::commands::{code, done, percent, rate, refused};
use crate::world::{DEADLINE, for_each_world};

#[tokio::test]
async fn a_place_has_one_default() {
    for_each_world(async |world| {
        let process = world.process().await;
        let empty_region = rate("GB", Some(""), "1");
        for second in [rate("GB", None, "1"), empty_region, rate("US", Some("CA"), "1")] {
            assert_eq!(code(&process.create_tax_rate(second).await), "conflict");
        }
        assert_eq!(code(&process.update_tax_rate(3, rate("GB", None, "1")).await), "conflict");
        assert_eq!(code(&process.update_tax_rate(3, rate("US", Some("CA"), "1")).await), "conflict");
        for other in [
            rate("US", None, "1"),
            rate("US", Some("ca"), "1"),
            rate("DE", Some("CA"), "1"),
            TaxRateInput { is_default: false, ..rate("GB", None, "1") },
        ] {
            done(process.create_tax_rate(other).await);
        }
        // A rate does not stand in its own way.
        done(process.update_tax_rate(1, rate("GB", None, "21")).await);
    })
    .await;
}

#[tokio::test]
async fn a_stored_rate_that_is_no_percentage_is_refused_when_it_is_applied() {
    for_each_world(async |world| {
        let process = world.process().await;
        for stored in ["-20", "250", "100.01"] {
            execute(&world.database, &format!("UPDATE tax_rates SET rate = {stored} WHERE id = 1")).await;
            let refusal = refused(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
            assert_eq!(refusal, Refusal::TaxRateOutOfRange { tax_rate_id: 1, rate: percent(stored) });
        }
        for stored in ["0", "100"] {
            execute(&world.database, &format!("UPDATE tax_rates SET rate = {stored} WHERE id = 1")).await;
            done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        }
    })
    .await;
}

#[tokio::test]
async fn a_default_can_be_handed_over() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.update_tax_rate(1, TaxRateInput { is_default: false, ..rate("GB", None, "20") }).await);
        assert!(process.applicable_tax_rate("GB", None).await.unwrap().value.is_none());
        done(process.update_tax_rate(3, rate("GB", None, "5")).await);
        let applies = process.applicable_tax_rate("GB", Some("Wales")).await.unwrap().value.unwrap();
        assert_eq!((applies.id, applies.rate), (3, "5".parse().ok()));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found_whatever_it_would_become() {
    for_each_world(async |world| {
        let process = world.process().await;
        assert_eq!(code(&process.update_tax_rate(99, rate("FR", None, "1")).await), "not_found");
        assert_eq!(code(&process.update_tax_rate(99, rate("GB", None, "1")).await), "not_found");
        assert_eq!(code(&process.delete_tax_rate(99).await), "not_found");
    })
    .await;
}

#[tokio::test]
async fn a_rate_that_stands_on_invoices_is_not_deleted() {
    for_each_world(async |world| {
        let process = world.process().await;
        done(process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await);
        done(process.calculate_invoice_taxes(2, None, TaxingRates::Copied).await);
        let in_use = refused(process.delete_tax_rate(1).await);
        assert_eq!(in_use, Refusal::TaxRateInUse { tax_rate_id: 1, invoices: 2 });
        done(process.delete_tax_rate(2).await);
        assert_eq!(world.count("tax_rates").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_rate_in_a_place_that_is_none_can_be_deleted() {
    for_each_world(async |world| {
        let rows = "INSERT INTO tax_rates (name, rate, country, region, is_default) VALUES ('x', 1, 'uk', 'a:b', TRUE);
            DELETE FROM cache_invalidations";
        execute(&world.database, rows).await;
        done(world.process().await.delete_tax_rate(4).await);
        world.wait_until_relayed_but_for_history().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_defaults_at_once_one_is_made() {
    for_each_world(async |world| {
        let processes = [world.process().await, world.process().await];
        let mut tasks = JoinSet::new();
        for number in 0..10 {
            let process = processes[number % 2].clone();
            tasks.spawn(async move { code(&process.create_tax_rate(rate("FR", Some("Corse"), "2")).await) });
        }
        let mut codes = tasks.join_all().await;
        codes.sort_unstable();
        assert_eq!((codes[8], codes[9]), ("conflict", "written"));
        assert_eq!(world.count("tax_rates WHERE country = 'FR'").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_rate_while_invoices_are_taxed_by_it_is_done_or_refused() {
    for_each_world(async |world| {
        let processes = [world.process().await, world.process().await];
        for round in 0..20 {
            let id = done(processes[0].create_tax_rate(rate("DE", Some("BY"), "19")).await).id;
            execute(&world.database, "UPDATE invoices SET billing_country = 'DE' WHERE id = 1").await;
            let (taxing, deleting) = (processes[0].clone(), processes[1].clone());
            let taxed =
                tokio::spawn(async move { taxing.calculate_invoice_taxes(1, Some("BY"), TaxingRates::Copied).await });
            let deleted = tokio::spawn(async move { deleting.delete_tax_rate(id).await });
            let (taxed, deleted) = (taxed.await.unwrap(), deleted.await.unwrap());
            assert_eq!(code(&taxed), "written", "round {round}: {taxed:?}");
            let lines = taxed.unwrap().value.taxes.len();
            let expected = if lines == 1 { "refused" } else { "written" };
            assert_eq!(code(&deleted), expected, "round {round}: {deleted:?}");
            execute(&world.database, "DELETE FROM invoice_taxes; DELETE FROM tax_rates WHERE country = 'DE'").await;
        }
    })
    .await;
}

#[tokio::test]
async fn deleting_a_rate_waits_for_a_foreign_writer_who_is_about_to_use_it() {
    for_each_world(async |world| {
        if world.database.backend() == DbBackend::Sqlite {
            return; // One transaction writes at a time there.
        }
        let process = world.process().await;
        let foreign = world.database.connection().begin().await.unwrap();
        let tax =
            "INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount) VALUES (1, 1, 100, 20)";
        foreign.execute_unprepared(tax).await.unwrap();
        let deleting = tokio::spawn(async move { process.delete_tax_rate(1).await });
        let waiting = "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        eventually(DEADLINE, || async { world.count(waiting).await == 1 }).await.unwrap();
        foreign.commit().await.unwrap();
        let in_use = refused(deleting.await.unwrap());
        assert_eq!(in_use, Refusal::TaxRateInUse { tax_rate_id: 1, invoices: 1 });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tax_is_of_the_rate_that_stands_beside_it() {
    for_each_world(async |world| {
        let processes = [world.process().await, world.process().await];
        for round in 0..20 {
            let (taxing, changing) = (processes[0].clone(), processes[1].clone());
            let taxed =
                tokio::spawn(async move { done(taxing.calculate_invoice_taxes(1, None, TaxingRates::Copied).await) });
            let percent = if round % 2 == 0 { "10" } else { "20" };
            let changed =
                tokio::spawn(async move { done(changing.update_tax_rate(1, rate("GB", None, percent)).await) });
            let details = taxed.await.unwrap();
            changed.await.unwrap();
            let stands = processes[0].invoice_details(1).await.unwrap().value.unwrap();
            for line in details.taxes.iter().chain(&stands.taxes) {
                assert_eq!(line.amount, details.subtotal.portion(line.rate.unwrap()), "round {round}");
            }
        }
    })
    .await;
}
