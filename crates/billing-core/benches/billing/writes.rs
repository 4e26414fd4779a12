//! The price of invalidation: a payment with triggers, outbox and invalidation against the same transaction without
//! them.

use billing_core::cached;
use billing_core::migration;
use billing_core::money::Money;
use billing_core::service::{BillingService, NewPayment};
use billing_outbox::triggers::install_triggers;
use sea_orm::{SqliteTransactionMode, TransactionOptions, TransactionTrait};
use test_support::measurement;
use test_support::rounds::Rounds;

const ROUNDS: usize = 12;
const PAYMENTS: u32 = 50;

pub(crate) async fn with_and_without_triggers(service: &BillingService, ids: &[i32]) -> anyhow::Result<()> {
    let mut measured = Rounds::default();
    let mut number = 0;
    for round in 0..=measurement::rounds(ROUNDS) {
        let (mut with, mut without) = (None, None);
        for side in 0..2 {
            let triggers = (round + side) % 2 == 0;
            set_triggers(service, triggers).await?;
            let took = pay(service, ids, &mut number).await?;
            *(if triggers { &mut with } else { &mut without }) = Some(took);
        }
        if let (Some(with), Some(without), true) = (with, without, round > 0) {
            measured.add(with, without);
        }
    }
    set_triggers(service, true).await?;
    measured.print("payment, with invalidation", "the same without triggers", PAYMENTS);
    Ok(())
}

async fn pay(service: &BillingService, ids: &[i32], number: &mut usize) -> anyhow::Result<std::time::Duration> {
    let started = std::time::Instant::now();
    for _ in 0..PAYMENTS {
        let command = NewPayment {
            invoice_id: ids[*number % ids.len()],
            amount: Money::from_minor(1),
            payment_method: "card".into(),
            transaction_id: format!("bench-payment-{number}"),
        };
        *number += 1;
        let _ = service.process_payment(command).await?;
    }
    Ok(started.elapsed())
}

/// Installs the triggers, or takes them all away, by declaring all types or none.
#[expect(clippy::disallowed_methods, reason = "nobody drops this on its way")]
async fn set_triggers(service: &BillingService, installed: bool) -> anyhow::Result<()> {
    let declarations = if installed { cached::declarations() } else { migration::OWNER.declares(&[]) };
    // The write lock from the start: marks of the payments before are still being written.
    let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
    let options = TransactionOptions { sqlite_transaction_mode, ..TransactionOptions::default() };
    let transaction = service.cache().source().connection().begin_with_options(options).await?;
    install_triggers(&transaction, &declarations).await?;
    transaction.commit().await?;
    Ok(())
}
