//! The keys that a warm-up loads: page by page the same as at once, the most wanted first.

use billing_cache::CachedType;
use billing_core::cached::{ActiveDiscounts, Invoices, TaxRates, UserCreditNotes};
use billing_outbox::database::Database;

use crate::backends::execute;
use crate::world::for_each_empty_world;

const ROWS: &str = "
INSERT INTO users (id, username, email, hashed_password) VALUES
    (1, 'a', 'a@x', 'x'), (2, 'b', 'b@x', 'x'), (3, 'c', 'c@x', 'x'), (4, 'd', 'd@x', 'x'), (5, 'e', 'e@x', 'x');
INSERT INTO invoices (id, user_id, amount, due_date) VALUES
    (1, 1, 10, '2026-12-22 19:04:00'), (3, 1, 10, '2026-12-22 19:04:00'), (4, 1, 10, '2026-12-22 19:04:00'),
    (7, 2, 10, '2026-12-22 19:04:00'), (9, 3, 10, '2026-12-22 19:04:00');
INSERT INTO credit_notes (id, user_id, amount, remaining_amount, reason) VALUES
    (1, 1, 30, 12.5, 'x'), (2, 2, 30, 12.5, 'x'), (3, 1, 30, 12.5, 'x'), (4, 3, 30, 12.5, 'x'), (5, 5, 30, 12.5, 'x'),
    (6, 4, 30, 12.5, 'x');
INSERT INTO tax_rates (id, name, rate, country, region, is_default) VALUES
    (1, 'b', 20, 'GB', 'Wales', true), (2, 'a', 20, 'GB', NULL, true), (3, 'c', 20, 'AT', '', true),
    (4, 'd', 20, 'GB', 'Wales', true), (5, 'e', 20, 'FR', NULL, false);
";

async fn texts<T: CachedType<Source = Database>>(database: &Database, page: u64) -> Vec<String> {
    let mut keys: Vec<T::Key> = Vec::new();
    loop {
        let next = T::hot_keys(database, keys.last(), page).await.unwrap();
        assert!(next.len() as u64 <= page, "{next:?}");
        if next.is_empty() {
            return keys.iter().map(|key| format!("{key:?}")).collect();
        }
        keys.extend(next);
    }
}

async fn assert_pages<T: CachedType<Source = Database>>(database: &Database, expected: &[&str]) {
    for page in [1, 2, 3, 100] {
        assert_eq!(texts::<T>(database, page).await, expected, "{} in pages of {page}", T::NAME);
    }
}

#[tokio::test]
async fn the_pages_of_hot_keys_hold_each_key_once_the_most_wanted_first() {
    for_each_empty_world(async |world| {
        let database = &world.database;
        assert_pages::<Invoices>(database, &[]).await;
        execute(database, ROWS).await;
        let invoices = [9, 7, 4, 3, 1].map(|id| format!("InvoiceId({id})"));
        assert_pages::<Invoices>(database, &invoices.each_ref().map(String::as_str)).await;
        let users = [4, 5, 3, 1, 2].map(|id| format!("UserId({id})"));
        assert_pages::<UserCreditNotes>(database, &users.each_ref().map(String::as_str)).await;
        assert_pages::<ActiveDiscounts>(database, &["SingleKey"]).await;
        assert_eq!(texts::<TaxRates>(database, 1).await.len(), 3, "one key for two rates of one place");
        assert_eq!(texts::<TaxRates>(database, 1).await, texts::<TaxRates>(database, 100).await);
    })
    .await;
}
