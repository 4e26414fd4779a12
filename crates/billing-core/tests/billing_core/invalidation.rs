//! Every write removes exactly the keys it made wrong, before it returns, and other processes read the new values.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use billing_cache::{CachedType, SingleKey};
use billing_core::cached::{ActiveDiscounts, InvoiceId, Invoices, TaxRateKey, TaxRates, UserCreditNotes, UserId};
use billing_core::service::{BillingService, TaxingRates};

use crate::commands::{Wrote, amount_off, credit_note, done, invoice, money, payment, percentage, rate};
use crate::world::{World, for_each_world};

const INVOICES: [i32; 6] = [1, 2, 3, 4, 5, 99];
const USERS: [i32; 4] = [1, 2, 3, 99];
const PLACES: [(&str, Option<&str>); 5] =
    [("GB", None), ("GB", Some("Wales")), ("US", Some("CA")), ("FR", None), ("FR", Some("Corse"))];

/// A process that writes and another one that reads.
struct Processes<'w> {
    world: &'w World,
    writer: BillingService,
    reader: BillingService,
}

impl<'w> Processes<'w> {
    async fn over(world: &'w World) -> Self {
        Self { world, writer: world.process().await, reader: world.process().await }
    }

    /// Reads everything that is watched, so that all of it is cached.
    async fn read_all(&self) {
        self.reader.invoices_details(&INVOICES).await.unwrap();
        self.reader.users_credit_notes(&USERS).await.unwrap();
        self.reader.active_discounts().await.unwrap();
        for (country, region) in PLACES {
            self.reader.applicable_tax_rate(country, region).await.unwrap();
        }
    }

    /// The write removes these keys and no others, and adds none; afterwards all that is cached is what is in the
    /// database.
    async fn assert_removes<T: Debug>(&self, write: impl Future<Output = Wrote<T>>, expected: &[&str]) -> T {
        self.read_all().await;
        let before = self.world.keys();
        let value = done(write.await);
        let after = self.world.keys();
        let removed: BTreeSet<&str> = before.difference(&after).map(String::as_str).collect();
        assert_eq!(removed, expected.iter().copied().collect());
        assert!(after.is_subset(&before), "{after:?}");
        self.read_all().await;
        assert_eq!(self.world.all_cached(), self.in_the_database().await);
        self.world.wait_until_relayed().await;
        value
    }

    /// What should be cached, loaded past the cache.
    async fn in_the_database(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        self.load::<Invoices>(&INVOICES.map(InvoiceId), &mut values).await;
        self.load::<UserCreditNotes>(&USERS.map(UserId), &mut values).await;
        self.load::<ActiveDiscounts>(&[SingleKey], &mut values).await;
        let place = |country: &str, region: Option<&str>| {
            let region = billing_core::country::Region::parse(region.unwrap_or_default()).unwrap();
            TaxRateKey::candidates(country.parse().unwrap(), region)
        };
        let places: Vec<TaxRateKey> = PLACES.iter().flat_map(|(country, region)| place(country, *region)).collect();
        self.load::<TaxRates>(&places, &mut values).await;
        values
    }

    async fn load<T>(&self, keys: &[T::Key], values: &mut BTreeMap<String, String>)
    where
        T: CachedType<Source = billing_outbox::database::Database>,
    {
        let loaded = T::load(&self.world.database, keys).await.unwrap();
        for key in keys {
            let value = loaded.get(key).and_then(|loaded| loaded.as_ref().unwrap().value.as_ref());
            values.insert(self.reader.cache().key_text::<T>(key), serde_json::to_string(&value).unwrap());
        }
    }
}

#[tokio::test]
async fn writes_to_invoices_and_payments() {
    for_each_world(async |world| {
        let all = Processes::over(world).await;
        let writer = &all.writer;
        let created = all.assert_removes(writer.create_invoice(invoice(1, "12.34")), &["invoice:5"]).await;
        assert_eq!((created.id, created.amount, created.status.as_deref()), (5, Some(money("12.34")), Some("unpaid")));
        let paid = all.assert_removes(writer.process_payment(payment(1, "30", "t1")), &["invoice:1"]).await;
        assert_eq!(
            (paid.invoice_id, paid.amount, paid.status.as_deref()),
            (Some(1), Some(money("30.00")), Some("completed"))
        );
        let taxed =
            all.assert_removes(writer.calculate_invoice_taxes(2, None, TaxingRates::Copied), &["invoice:2"]).await;
        assert_eq!((taxed.total_tax, taxed.total, taxed.amount), (money("10"), money("60"), money("50")));
        let nothing = all.assert_removes(writer.mark_overdue_invoices(), &[]).await;
        assert_eq!(nothing, 0);
    })
    .await;
}

#[tokio::test]
async fn writes_to_discounts() {
    for_each_world(async |world| {
        let all = Processes::over(world).await;
        let writer = &all.writer;
        let list = "active_discounts";
        let created = all.assert_removes(writer.create_discount(percentage("Spring", "7.5")), &[list]).await;
        assert_eq!((created.id, created.value), (7, Some(money("7.50"))));
        let renamed = all.assert_removes(writer.update_discount(7, amount_off("Summer", "8")), &[list]).await;
        assert_eq!((renamed.name.as_deref(), renamed.is_percentage), (Some("Summer"), Some(false)));
        assert_eq!(renamed.created_at, created.created_at);
        let applied = all.assert_removes(writer.apply_discount_to_invoice(1, 7), &["invoice:1", list]).await;
        assert_eq!((applied.total_discount, applied.balance_due), (money("8"), money("92")));
        let off = all.assert_removes(writer.deactivate_discount(7), &[list]).await;
        assert_eq!(off.is_active, Some(false));
    })
    .await;
}

#[tokio::test]
async fn writes_to_credit_notes() {
    for_each_world(async |world| {
        let all = Processes::over(world).await;
        let writer = &all.writer;
        let created =
            all.assert_removes(writer.create_credit_note(credit_note(3, "5")), &["user_credit_notes:3"]).await;
        assert_eq!(
            (created.id, created.remaining_amount, created.status.as_deref()),
            (5, Some(money("5.00")), Some("issued"))
        );
        let apply = writer.apply_credit_note_to_invoice(1, 1, Some(money("12.5")));
        let applied = all.assert_removes(apply, &["invoice:1", "user_credit_notes:1"]).await;
        assert_eq!((applied.total_credit, applied.balance_due), (money("12.50"), money("87.50")));
        assert_eq!(applied.status.as_deref(), Some("partial"));
    })
    .await;
}

#[tokio::test]
async fn writes_to_tax_rates() {
    for_each_world(async |world| {
        let all = Processes::over(world).await;
        let writer = &all.writer;
        let created =
            all.assert_removes(writer.create_tax_rate(rate("FR", None, "20")), &["tax_rate:FR:default"]).await;
        assert_eq!((created.id, created.region.as_deref()), (4, None));
        let moved = writer.update_tax_rate(4, rate("FR", Some("Corse"), "10"));
        let moved = all.assert_removes(moved, &["tax_rate:FR:default", "tax_rate:FR:Corse"]).await;
        assert_eq!((moved.region.as_deref(), moved.created_at), (Some("Corse"), created.created_at));
        all.assert_removes(writer.delete_tax_rate(4), &["tax_rate:FR:Corse"]).await;
        all.assert_removes(writer.update_tax_rate(3, rate("US", Some("NV"), "1")), &["tax_rate:GB:default"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_bulk_write_of_ones_own_invalidates_by_itself_and_one_that_is_dropped_does_nothing() {
    for_each_world(async |world| {
        use sea_orm::ConnectionTrait;
        let all = Processes::over(world).await;
        let bulk = async {
            let transaction = all.writer.begin_write().await?;
            transaction.execute_unprepared("UPDATE invoices SET amount = amount + 1 WHERE user_id = 1").await?;
            Ok(transaction.commit(()).await?)
        };
        all.assert_removes(bulk, &["invoice:1", "invoice:3", "invoice:4"]).await;
        let before = world.keys();
        let transaction = all.writer.begin_write().await.unwrap();
        transaction.execute_unprepared("UPDATE invoices SET amount = 1").await.unwrap();
        drop(transaction);
        assert_eq!(world.count("invoices WHERE amount = 1").await, 0);
        assert_eq!(world.keys(), before);
    })
    .await;
}
