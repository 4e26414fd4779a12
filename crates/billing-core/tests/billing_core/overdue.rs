//! Marking invoices overdue, many at a time.

use billing_core::time::now;
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DbBackend, TransactionTrait};

use crate::backends::execute;
use crate::commands::{done, payment};
use crate::world::{World, for_each_world};

/// Makes as many unpaid invoices of ann, due at this time; answers the ids.
async fn add_invoices(world: &World, count: i32, due_date: &str) -> Vec<i32> {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO invoices (user_id, amount, due_date) SELECT 1, 10, '{due_date}' FROM n"
    );
    execute(&world.database, &sql).await;
    execute(&world.database, "DELETE FROM cache_invalidations").await;
    let ids = format!("SELECT CAST(id AS TEXT) FROM invoices WHERE due_date = '{due_date}' ORDER BY id");
    world.column(&ids).await.into_iter().map(|id| id.unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn only_open_invoices_past_their_date_are_marked() {
    for_each_world(async |world| {
        let almost = (now() + TimeDelta::hours(1)).format("%F %T").to_string();
        execute(
            &world.database,
            &format!(
                "INSERT INTO invoices (user_id, amount, status, due_date) VALUES
                    (1, 10, 'unpaid', '2020-01-01 00:00:00'), (1, 10, 'partial', '2020-01-01 00:00:00'),
                    (1, 10, 'paid', '2020-01-01 00:00:00'), (1, 10, 'cancelled', '2020-01-01 00:00:00'),
                    (1, 10, 'overdue', '2020-01-01 00:00:00'), (1, 10, 'unpaid', '{almost}');
                 DELETE FROM cache_invalidations"
            ),
        )
        .await;
        let process = world.process().await;
        assert_eq!(done(process.mark_overdue_invoices().await), 2);
        assert_eq!(done(process.mark_overdue_invoices().await), 0);
        let statuses = world.column("SELECT status FROM invoices WHERE id > 4 ORDER BY id").await;
        let statuses: Vec<_> = statuses.iter().flatten().map(String::as_str).collect();
        assert_eq!(statuses, ["overdue", "overdue", "paid", "cancelled", "overdue", "unpaid"]);
        assert_eq!(world.count("cache_invalidations").await, 2);
        world.wait_until_relayed().await;
    })
    .await;
}

#[tokio::test]
async fn more_than_a_batch_is_marked_and_none_stays_cached_as_open() {
    for_each_world(async |world| {
        let late = add_invoices(world, 1_200, "2020-01-01 00:00:00").await;
        let early = add_invoices(world, 5, "2099-02-02 00:00:00").await;
        assert_eq!((late.len(), early.len()), (1_200, 5));
        let (writer, reader) = (world.process().await, world.process().await);
        reader.invoices_details(&[late.as_slice(), &early].concat()).await.unwrap();
        assert_eq!(world.keys().len(), 1_205);
        assert_eq!(done(writer.mark_overdue_invoices().await), 1_200);
        let left: Vec<String> = world.keys().into_iter().collect();
        assert_eq!(left, early.iter().map(|id| format!("invoice:{id}")).collect::<Vec<_>>());
        let read = reader.invoices_details(&late).await.unwrap();
        assert!(
            read.iter()
                .all(|invoice| invoice.as_ref().unwrap().value.as_ref().unwrap().status.as_deref() == Some("overdue"))
        );
        world.wait_until_relayed().await;
    })
    .await;
}

#[tokio::test]
async fn an_invoice_that_is_being_paid_is_left_for_the_next_time() {
    for_each_world(async |world| {
        if world.database.backend() == DbBackend::Sqlite {
            return; // One transaction writes at a time there, so nobody can be skipped.
        }
        let ids = add_invoices(world, 3, "2020-01-01 00:00:00").await;
        let process = world.process().await;
        let paying = world.database.connection().begin().await.unwrap();
        let lock = format!("SELECT id FROM invoices WHERE id = {} FOR UPDATE", ids[1]);
        paying.execute_unprepared(&lock).await.unwrap();
        assert_eq!(done(process.mark_overdue_invoices().await), 2);
        paying.rollback().await.unwrap();
        done(process.process_payment(payment(ids[1], "5", "t")).await);
        assert_eq!(done(process.mark_overdue_invoices().await), 0, "the payment has marked it");
        assert_eq!(world.count("invoices WHERE status = 'overdue'").await, 3);
    })
    .await;
}
