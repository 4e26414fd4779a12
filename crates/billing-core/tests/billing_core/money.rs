//! Amounts through real columns: what is read is what was written.

use billing_core::entities::{invoice, tax_rate, user};
use billing_core::money::{Money, Percent};
use billing_core::time::now;
use billing_outbox::database::Database;
use sea_orm::{ActiveValue::Set, DbBackend, EntityTrait, QueryOrder};

use crate::backends::{execute, for_each_migrated};

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

async fn add_user(database: &Database) {
    let row = user::ActiveModel {
        id: Set(1),
        username: Set(Some("ann".to_owned())),
        email: Set(Some("ann@example.org".to_owned())),
        hashed_password: Set(Some("x".to_owned())),
        ..Default::default()
    };
    user::Entity::insert(row).exec(database.connection()).await.unwrap();
}

async fn store(database: &Database, amount: Money) {
    let row = invoice::ActiveModel {
        user_id: Set(Some(1)),
        amount: Set(Some(amount)),
        due_date: Set(Some(now())),
        created_at: Set(Some(now())),
        ..Default::default()
    };
    invoice::Entity::insert(row).exec(database.connection()).await.unwrap();
}

async fn stored(database: &Database) -> Vec<Money> {
    let rows = invoice::Entity::find().order_by_asc(invoice::Column::Id).all(database.connection()).await.unwrap();
    rows.iter().filter_map(|row| row.amount).collect()
}

#[tokio::test]
async fn amounts_come_back_to_the_cent() {
    for_each_migrated(async |database| {
        add_user(database).await;
        let amounts = ["0.10", "0.20", "0.30", "12345678.90", "99999999.99", "-0.01", "100", "4490284.48"].map(money);
        for amount in amounts {
            store(database, amount).await;
        }
        assert_eq!(stored(database).await, amounts);
    })
    .await;
}

#[tokio::test]
async fn sums_that_floats_get_wrong_are_right() {
    for_each_migrated(async |database| {
        add_user(database).await;
        for _ in 0..10 {
            store(database, money("0.10")).await;
        }
        store(database, money("99999999.99")).await;
        let sum: Money = stored(database).await.iter().sum();
        assert_eq!(sum.to_string(), "100000000.99");
    })
    .await;
}

#[tokio::test]
async fn a_float_written_by_another_program_is_the_amount_it_meant() {
    for_each_migrated(async |database| {
        add_user(database).await;
        execute(database, "INSERT INTO invoices (user_id, amount, due_date) VALUES (1, 19.99, '2026-11-22 19:04:00')")
            .await;
        execute(
            database,
            "INSERT INTO invoices (user_id, amount, due_date) VALUES (1, 1e2, '2026-11-22 19:04:00.000000')",
        )
        .await;
        assert_eq!(stored(database).await, [money("19.99"), money("100")]);
    })
    .await;
}

#[tokio::test]
async fn a_column_without_an_amount_in_it_is_an_error_that_names_it() {
    for_each_migrated(async |database| {
        if database.backend() == DbBackend::Postgres {
            return; // NUMERIC takes nothing else there.
        }
        add_user(database).await;
        execute(database, "INSERT INTO invoices (user_id, amount, due_date) VALUES (1, 'ten', '2026-11-22 19:04:00')")
            .await;
        let error = invoice::Entity::find().all(database.connection()).await.unwrap_err().to_string();
        assert!(error.contains("amount") && error.contains("ten"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn rates_come_back_and_so_does_an_absent_region() {
    for_each_migrated(async |database| {
        let rate: Percent = "7.25".parse().unwrap();
        let row = tax_rate::ActiveModel {
            name: Set(Some("Sales tax".to_owned())),
            rate: Set(Some(rate)),
            country: Set(Some("US".to_owned())),
            region: Set(None),
            is_default: Set(Some(true)),
            created_at: Set(Some(now())),
            updated_at: Set(Some(now())),
            ..Default::default()
        };
        let inserted = tax_rate::Entity::insert(row).exec_with_returning(database.connection()).await.unwrap();
        let read = tax_rate::Entity::find_by_id(inserted.id).one(database.connection()).await.unwrap().unwrap();
        assert_eq!(read, inserted);
        assert_eq!((read.rate, read.region), (Some(rate), None));
    })
    .await;
}
