//! `seed`: an empty database is filled, the same for the same seed, by the billing rules.

use billing_cache::CachedType;
use billing_core::cached::{InvoiceId, Invoices};
use billing_core::entities::{
    InvoiceStatus, credit_note, credit_note_application, discount, invoice, invoice_discount, invoice_tax, payment,
    tax_rate, user,
};
use billing_core::money::Money;
use billing_outbox::database::Database;
use sea_orm::{ActiveValue::Set, EntityTrait, PaginatorTrait};
use test_support::TestDatabase;

use crate::harness::{NOW, Stage, for_each_backend};

const SEED: [&str; 9] = ["seed", "--users", "40", "--invoices", "1200", "--seed", "7", "--now", NOW];

#[tokio::test]
async fn the_rows_obey_the_billing_rules() {
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        let report = stage.json(&SEED);
        assert_eq!(report["invalidation_pending"], false, "{report}");
        let database = stage.open_database().await;
        for row in report["tables"].as_array().unwrap() {
            let expected = count(&database, row["table"].as_str().unwrap()).await;
            assert_eq!(row["rows"].as_u64(), Some(expected), "{row}");
        }
        let keys: Vec<InvoiceId> = (1..=1_200).map(InvoiceId).collect();
        let details = Invoices::load(&database, &keys).await.unwrap();
        assert_eq!(details.len(), 1_200);
        let now = billing_core::time::from_isoformat(NOW).unwrap();
        for details in details.into_values().filter_map(|loaded| loaded.unwrap().value) {
            let settled = details.total_paid + details.total_credit;
            let total = details.amount - details.discounts.iter().map(|line| line.amount).sum::<Money>()
                + details.taxes.iter().map(|line| line.amount).sum::<Money>();
            let expected = match InvoiceStatus::of_column(details.status.as_deref()).unwrap() {
                InvoiceStatus::Cancelled => settled.is_zero(),
                InvoiceStatus::Paid => details.balance_due.is_zero() && details.paid_at.is_some_and(|at| at <= now),
                InvoiceStatus::Overdue => details.balance_due.is_positive() && details.due_date < Some(now),
                InvoiceStatus::Partial => details.balance_due.is_positive() && settled.is_positive(),
                InvoiceStatus::Unpaid => settled.is_zero() && details.due_date >= Some(now),
            };
            assert!(expected && total == details.total && details.balance_due == total - settled, "{details:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_seed_makes_the_same_rows_on_every_database() {
    let databases =
        [TestDatabase::sqlite().unwrap(), TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()];
    let stage = Stage::sqlite();
    let mut dumps = Vec::new();
    for database in &databases {
        let url = [("DATABASE_URL", database.url())];
        stage.run_with(&["migrate"], &url).assert_fine();
        stage.run_with(&SEED, &url).assert_fine();
        dumps.push(dump(&connect(database).await).await);
    }
    assert!(dumps[0].contains("Weekend sale") && dumps[0] == dumps[1], "two SQLite databases differ");
    assert!(dumps[0] == dumps[2], "SQLite and PostgreSQL differ");
}

#[tokio::test]
async fn a_database_with_rows_is_refused_and_stays_as_it_is() {
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        stage.run(&["seed", "--users", "3", "--invoices", "5"]).assert_fine();
        let database = stage.open_database().await;
        let before = dump(&database).await;
        let run = stage.run(&["seed", "--users", "3", "--invoices", "5"]);
        let sentence = run.assert_error(2);
        assert!(sentence.contains("3 users, 5 invoices"), "{sentence}");
        assert!(dump(&database).await == before, "something was written");
    })
    .await;
}

/// Ids were given explicitly, which PostgreSQL's sequences do not notice by themselves.
#[tokio::test]
async fn the_database_gives_out_ids_after_those_of_the_rows() {
    for_each_backend(async |stage| {
        stage.run(&["migrate"]).assert_fine();
        stage.run(&["seed", "--users", "3", "--invoices", "0"]).assert_fine();
        let database = stage.open_database().await;
        let mut row: user::ActiveModel = user::Entity::find().one(database.connection()).await.unwrap().unwrap().into();
        row.id = sea_orm::ActiveValue::NotSet;
        row.username = Set(Some("somebody".to_owned()));
        row.email = Set(Some("somebody@example.org".to_owned()));
        let inserted = user::Entity::insert(row).exec(database.connection()).await.unwrap();
        assert_eq!(inserted.last_insert_id, 4);
    })
    .await;
}

#[tokio::test]
async fn what_was_cached_as_absent_is_invalidated() {
    let stage = Stage::sqlite();
    stage.run(&["migrate"]).assert_fine();
    stage.set("invoice:5", 300);
    stage.set("tax_rate:GB:default", 300);
    stage.run(&SEED).assert_fine();
    assert!(!stage.exists("invoice:5") && !stage.exists("tax_rate:GB:default"));
    let run = stage.run(&["seed", "--users", "1", "--now", "yesterday"]);
    assert_eq!(run.code, Some(2), "{run:?}");
}

async fn connect(database: &TestDatabase) -> Database {
    let settings = billing_core::settings::Settings::database_at(database.url());
    Database::connect(&settings).await.unwrap()
}

macro_rules! for_each_table {
    ($macro:ident, $($argument:tt)*) => {
        $macro!($($argument)*, user, tax_rate, discount, invoice, invoice_discount, invoice_tax, credit_note,
            credit_note_application, payment)
    };
}

async fn dump(database: &Database) -> String {
    macro_rules! dump {
        ($database:ident, $($table:ident),+) => {
            [$({
                let mut rows = $table::Entity::find().all($database.connection()).await.unwrap();
                rows.sort_by_key(|row| row.id);
                format!("{rows:#?}")
            }),+].join("\n")
        };
    }
    for_each_table!(dump, database)
}

async fn count(database: &Database, table: &str) -> u64 {
    macro_rules! count {
        ($database:ident, $wanted:ident, $($table:ident),+) => {
            $(if sea_orm::EntityName::table_name(&$table::Entity) == $wanted {
                return $table::Entity::find().count($database.connection()).await.unwrap();
            })+
        };
    }
    for_each_table!(count, database, table);
    panic!("no entity has the table {table}");
}
