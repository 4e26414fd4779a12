//! Writes while Redis does not answer: the writer says so, reads its own write, and never sees the old value again.

use billing_cache::Tier;
use billing_core::service::{BillingService, TaxingRates};
use billing_outbox::outbox::Pending;
use test_support::{FaultProxy, Wire, eventually};

use crate::commands::{amount_off, credit_note, done, money, payment, rate};
use crate::world::{DEADLINE, World, for_each_world};

/// A process that gives up on Redis quickly.
async fn impatient(world: &World) -> BillingService {
    let mut settings = world.settings();
    settings.redis.command_timeout_ms = 100;
    settings.redis.batch_timeout_ms = 100;
    settings.redis.connect_timeout_ms = 500;
    settings.redis.reconnect_max_ms = 100;
    settings.cache.invalidation_deadline_ms = 100;
    world.process_with(settings).await
}

async fn pending_rows(world: &World) -> u64 {
    world.count("cache_invalidations WHERE relayed_at IS NULL").await
}

#[tokio::test]
async fn a_write_that_redis_cannot_be_told_of_is_pending_and_read_by_its_writer() {
    for_each_world(async |world| {
        let process = impatient(world).await;
        process.invoice_details(1).await.unwrap();
        assert!(world.cached("invoice:1").unwrap().contains(r#""balance_due":"100.00""#));

        world.redis.pause().unwrap();
        let written = process.process_payment(payment(1, "30", "t")).await.unwrap();
        assert_eq!(written.pending, Pending::Invalidation);
        let read = process.invoice_details(1).await.unwrap();
        assert_eq!((read.tier, read.value.unwrap().balance_due), (Tier::Bypassed, money("70")));
        assert!(pending_rows(world).await > 0);

        world.redis.resume().unwrap();
        // From here on the old value may be readable again, until the writer has removed it.
        let cached_again = || async {
            let read = process.invoice_details(1).await.unwrap();
            assert_eq!(read.value.unwrap().balance_due, money("70"), "the old value came back");
            read.tier == Tier::L2
        };
        eventually(DEADLINE, cached_again).await.unwrap();
        assert!(world.cached("invoice:1").unwrap().contains(r#""balance_due":"70.00""#));
        assert!(pending_rows(world).await > 0, "the rows stay for the relay, which knows more of Redis");
        done(process.process_payment(payment(1, "1", "u")).await);
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_write_goes_on_without_redis() {
    for_each_world(async |world| {
        let process = impatient(world).await;
        world.redis.stop().unwrap();
        let pending = [
            process.create_invoice(crate::commands::invoice(1, "1")).await.unwrap().pending,
            process.process_payment(payment(1, "1", "t")).await.unwrap().pending,
            process.calculate_invoice_taxes(1, None, TaxingRates::Copied).await.unwrap().pending,
            process.apply_discount_to_invoice(1, 2).await.unwrap().pending,
            process.create_discount(amount_off("x", "1")).await.unwrap().pending,
            process.deactivate_discount(1).await.unwrap().pending,
            process.create_credit_note(credit_note(1, "1")).await.unwrap().pending,
            process.apply_credit_note_to_invoice(1, 1, None).await.unwrap().pending,
            process.create_tax_rate(rate("FR", None, "1")).await.unwrap().pending,
            process.delete_tax_rate(2).await.unwrap().pending,
        ];
        assert_eq!(pending, [Pending::Invalidation; 10]);
        assert_eq!(done(process.mark_overdue_invoices().await), 0, "what changes nothing has nothing to tell");
        let details = process.invoice_details(1).await.unwrap();
        assert_eq!(details.tier, Tier::Bypassed);
        assert_eq!(
            details.value.unwrap().balance_due,
            money("100") - money("1") - money("5") + money("19") - money("30")
        );
        assert_eq!(process.applicable_tax_rate("FR", Some("Corse")).await.unwrap().tier, Tier::Bypassed);
        process.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_payment_repeated_while_its_invalidation_is_pending_is_pending_too() {
    for_each_world(async |world| {
        let (process, other) = (impatient(world).await, impatient(world).await);
        let reader = world.process().await;
        reader.invoice_details(1).await.unwrap();
        world.redis.pause().unwrap();
        let first = process.process_payment(payment(1, "30", "t")).await.unwrap();
        let again = other.process_payment(payment(1, "30", "t")).await.unwrap();
        assert_eq!(again.value, first.value);
        assert_eq!((first.pending, again.pending), (Pending::Invalidation, Pending::Invalidation));
        world.redis.resume().unwrap();
        let told = || async { other.process_payment(payment(1, "30", "t")).await.unwrap().pending == Pending::Nothing };
        eventually(DEADLINE, told).await.unwrap();
        assert_eq!(reader.invoice_details(1).await.unwrap().value.unwrap().balance_due, money("70"));
    })
    .await;
}

#[tokio::test]
async fn a_process_that_starts_without_redis_works_and_uses_it_when_it_comes() {
    for_each_world(async |world| {
        world.redis.stop().unwrap();
        let process = impatient(world).await;
        assert_eq!(process.invoice_details(1).await.unwrap().tier, Tier::Bypassed);
        let pending = process.process_payment(payment(1, "30", "t")).await.unwrap().pending;
        assert_eq!(pending, Pending::Invalidation);
        world.redis.restart().unwrap();
        let cached = || async { process.invoice_details(1).await.unwrap().tier == Tier::L2 };
        eventually(DEADLINE, cached).await.unwrap();
        done(process.process_payment(payment(1, "30", "u")).await);
        assert_eq!(process.invoice_details(1).await.unwrap().value.unwrap().balance_due, money("40"));
    })
    .await;
}

/// A process over a wire of its own, whose writes are strict.
async fn strict(world: &World, wire: &FaultProxy, wait_ms: u64) -> BillingService {
    let mut settings = world.relay_settings_over(wire);
    settings.cache.invalidation_deadline_ms = 50;
    settings.relay.strict_wait_ms = wait_ms;
    world.relaying_with(&settings).await
}

#[tokio::test]
async fn a_strict_write_that_is_cut_off_from_redis_waits_until_another_process_has_told_it() {
    for_each_world(async |world| {
        let wire = FaultProxy::start(world.redis.port()).await.unwrap();
        let (writer, other) = (strict(world, &wire, 60_000).await, world.relaying().await);
        other.invoice_details(1).await.unwrap();
        wire.set(Wire::Refuse);
        wire.reset();
        done(writer.process_payment(payment(1, "30", "t")).await);
        assert_eq!(other.invoice_details(1).await.unwrap().value.unwrap().balance_due, money("70"));
        assert_eq!(pending_rows(world).await, 0);
        writer.close().await;
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_strict_write_that_nobody_can_tell_redis_of_is_pending_in_the_end() {
    for_each_world(async |world| {
        let wire = FaultProxy::start(world.redis.port()).await.unwrap();
        let writer = strict(world, &wire, 100).await;
        wire.set(Wire::Refuse);
        wire.reset();
        let written = writer.process_payment(payment(1, "30", "t")).await.unwrap();
        assert_eq!(written.pending, Pending::Invalidation);
        let again = writer.process_payment(payment(1, "30", "t")).await.unwrap();
        assert_eq!(again.pending, Pending::Invalidation);
        wire.set(Wire::Pass);
        let told =
            || async { writer.process_payment(payment(1, "30", "t")).await.unwrap().pending == Pending::Nothing };
        eventually(DEADLINE, told).await.unwrap();
        writer.close().await;
    })
    .await;
}
