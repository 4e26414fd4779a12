//! Reads through the cache: what they answer, and which bytes they leave in Redis.

use billing_cache::{Event, Tier};
use billing_core::cached::Invoices;

use crate::backends::execute;
use crate::commands::money;
use crate::golden::golden;
use crate::world::{for_each_empty_world, for_each_world};

/// The rows behind `golden/invoice_details.json`, which was computed by hand.
const GOLDEN_ROWS: &str = "
INSERT INTO users (id, username, email, hashed_password) VALUES (42, 'ann', 'a@x', 'x');
INSERT INTO invoices (id, user_id, amount, status, due_date, created_at)
    VALUES (1001, 42, 100, 'partial', '2026-12-22 19:04:00', '2026-11-22 19:04:00.500000');
INSERT INTO discounts (id, name, discount_type, value) VALUES (7, 'Black Friday', 'seasonal', 7.5);
INSERT INTO invoice_discounts (invoice_id, discount_id, amount) VALUES (1001, 7, 7.5);
INSERT INTO tax_rates (id, name, rate, country) VALUES (3, 'MwSt. ü', 20, 'AT');
INSERT INTO invoice_taxes (invoice_id, tax_rate_id, taxable_amount, tax_amount) VALUES (1001, 3, 92.5, 18.5);
INSERT INTO credit_notes (id, user_id, amount, remaining_amount, reason) VALUES (11, 42, 30, 12.5, 'x');
INSERT INTO credit_note_applications (credit_note_id, invoice_id, amount, applied_at)
    VALUES (11, 1001, 17.5, '2026-11-22 20:00:00');
INSERT INTO payments (id, invoice_id, amount, payment_method, transaction_id, status, created_at) VALUES
    (5, 1001, 50, 'card', 't5', 'completed', '2026-11-22 21:00:00.000001'),
    (6, 1001, 43.5, 'bank_transfer', 't6', 'failed', '2026-11-22 22:00:00');
";

#[tokio::test]
async fn invoice_details_are_cached_as_the_bytes_of_the_contract() {
    for_each_empty_world(async |world| {
        execute(&world.database, GOLDEN_ROWS).await;
        let (first, second) = (world.process().await, world.process().await);
        let loaded = first.invoice_details(1001).await.unwrap();
        assert_eq!(loaded.tier, Tier::Loaded);
        assert_eq!(world.cached("invoice:1001").unwrap(), golden("invoice_details.json"));
        let cached = second.invoice_details(1001).await.unwrap();
        assert_eq!((cached.tier, &cached.value), (Tier::L2, &loaded.value));
        assert_eq!(cached.value.unwrap().balance_due, money("43.50"));
        let ttl: i64 = world.redis.command(&["PTTL", "invoice:1001"]).unwrap();
        assert!((1..=300_000).contains(&ttl), "{ttl}");
    })
    .await;
}

#[tokio::test]
async fn a_missing_invoice_is_cached_as_null_and_not_asked_for_again() {
    for_each_world(async |world| {
        let process = world.process().await;
        for (id, tier) in [(99, Tier::Loaded), (99, Tier::L2), (0, Tier::Loaded), (-1, Tier::Loaded), (-1, Tier::L2)] {
            let read = process.invoice_details(id).await.unwrap();
            assert_eq!((read.tier, read.value), (tier, None), "{id}");
            assert_eq!(world.cached(&format!("invoice:{id}")).as_deref(), Some("null"));
        }
        assert_eq!(process.cache().count::<Invoices>(Event::Load), 3);
    })
    .await;
}

#[tokio::test]
async fn no_credit_notes_are_a_value_of_their_own() {
    for_each_world(async |world| {
        let process = world.process().await;
        for (user, tier) in [(3, Tier::Loaded), (3, Tier::L2), (99, Tier::Loaded), (99, Tier::L2)] {
            let read = process.user_credit_notes(user).await.unwrap();
            assert_eq!((read.tier, read.value.as_deref()), (tier, Some(&vec![])), "user {user}");
            assert_eq!(world.cached(&format!("user_credit_notes:{user}")).as_deref(), Some("[]"));
        }
        let of_ann = process.user_credit_notes(1).await.unwrap().value.unwrap();
        assert_eq!(of_ann.iter().map(|note| note.id).collect::<Vec<_>>(), [1, 3, 4]);
    })
    .await;
}

#[tokio::test]
async fn many_invoices_come_in_the_order_of_their_ids_with_repetitions_and_gaps() {
    for_each_world(async |world| {
        let process = world.process().await;
        process.invoice_details(2).await.unwrap();
        let read = process.invoices_details(&[4, 2, 99, 2, 1]).await.unwrap();
        let ids: Vec<_> =
            read.iter().map(|invoice| invoice.as_ref().unwrap().value.as_ref().map(|details| details.id)).collect();
        assert_eq!(ids, [Some(4), Some(2), None, Some(2), Some(1)]);
        let tiers: Vec<_> = read.iter().map(|invoice| invoice.as_ref().unwrap().tier).collect();
        assert_eq!(tiers, [Tier::Loaded, Tier::L2, Tier::Loaded, Tier::L2, Tier::Loaded]);
        let again = process.invoices_details(&[4, 2, 99, 2, 1]).await.unwrap();
        assert!(again.iter().all(|invoice| invoice.as_ref().unwrap().tier == Tier::L2));
        assert!(process.invoices_details(&[]).await.unwrap().is_empty());
        // One load of its own and one for the whole batch.
        assert_eq!(process.cache().count::<Invoices>(Event::Load), 2);
        assert_eq!(world.cached("invoice:99").as_deref(), Some("null"));
    })
    .await;
}

#[tokio::test]
async fn many_users_come_in_the_order_of_their_ids() {
    for_each_world(async |world| {
        let process = world.process().await;
        for tier in [Tier::Loaded, Tier::L2] {
            let read = process.users_credit_notes(&[3, 2, 1]).await.unwrap();
            let read: Vec<_> = read.into_iter().map(Result::unwrap).collect();
            let notes: Vec<_> = read.iter().map(|user| user.value.as_ref().unwrap().len()).collect();
            assert_eq!(notes, [0, 1, 3]);
            assert!(read.iter().all(|user| user.tier == tier), "{read:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_value_of_an_older_shape_is_replaced_and_never_an_error() {
    for_each_world(async |world| {
        let process = world.process().await;
        let fresh = process.invoice_details(1).await.unwrap().value;
        let ours = world.cached("invoice:1").unwrap();
        let extended = ours.replacen('{', r#"{"currency":"GBP","#, 1);
        for (stored, tier) in [
            (extended.as_str(), Tier::L2),
            (r#"{"id": 1, "amount": 100.0}"#, Tier::Loaded),
            ("not json", Tier::Loaded),
            ("", Tier::Loaded),
            ("[]", Tier::Loaded),
        ] {
            let _: () = world.redis.command(&["SET", "invoice:1", stored, "EX", "300"]).unwrap();
            let read = process.invoice_details(1).await.unwrap();
            assert_eq!((read.tier, &read.value), (tier, &fresh), "{stored}");
            if tier == Tier::Loaded {
                assert_eq!(world.cached("invoice:1").as_ref(), Some(&ours), "{stored}");
            }
        }
    })
    .await;
}
