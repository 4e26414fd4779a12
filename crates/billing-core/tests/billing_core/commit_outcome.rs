//! Commits that the database refuses, and commits whose answer is lost.

use billing_core::service::BillingError;
use billing_core::settings::Settings;
use billing_outbox::outbox::CommitError;
use sea_orm::{ConnectionTrait, DbBackend};

use crate::backends::execute;
use crate::commands::{done, money, payment};
use crate::postgres_proxy::{Cut, PostgresProxy};
use crate::world::for_each_world;

#[tokio::test]
async fn a_commit_that_is_refused_has_written_nothing_and_says_so() {
    for_each_world(async |world| {
        let process = world.process().await;
        process.invoice_details(1).await.unwrap();
        let before = world.all_cached();
        let transaction = process.begin_write().await.unwrap();
        if world.database.backend() == DbBackend::Sqlite {
            transaction.execute_unprepared("PRAGMA defer_foreign_keys = ON").await.unwrap();
        } else {
            let deferred = "ALTER TABLE invoices ALTER CONSTRAINT invoices_user_id_fkey DEFERRABLE INITIALLY DEFERRED";
            execute(&world.database, "SELECT 1").await;
            transaction.execute_unprepared(deferred).await.unwrap();
        }
        transaction.execute_unprepared("UPDATE invoices SET user_id = 99 WHERE id = 1").await.unwrap();
        let error = transaction.commit(()).await.unwrap_err();
        assert!(matches!(error, CommitError::Refused(_)), "{error:?}");
        assert_eq!(BillingError::from(error).code(), "unavailable");
        assert_eq!(world.all_cached(), before, "what was not written is not invalidated");
        assert_eq!(world.count("invoices WHERE user_id = 99").await, 0);
        // The connection is fit for the next one.
        done(process.process_payment(payment(1, "1", "t")).await);
    })
    .await;
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_counts_as_written_for_the_cache() {
    for_each_world(async |world| {
        if world.database.backend() == DbBackend::Sqlite {
            return; // There is no connection that could break.
        }
        let proxy = PostgresProxy::before(&world.url).await;
        let mut settings = world.settings();
        settings.database = Settings::database_at(proxy.url_of(&world.url));
        let (writer, reader) = (world.process_with(settings).await, world.process().await);
        for (cut, transaction_id, due) in [(Cut::AfterServer, "a", "70"), (Cut::BeforeServer, "b", "70")] {
            reader.invoice_details(1).await.unwrap();
            proxy.cut_next_commit(cut);
            let error = writer.process_payment(payment(1, "30", transaction_id)).await.unwrap_err();
            assert!(
                matches!(error, BillingError::OutcomeUnknown(CommitError::OutcomeUnknown(_))),
                "{cut:?}: {error:?}"
            );
            assert_eq!((error.code(), error.is_transient()), ("outcome_unknown", false));
            assert_eq!(world.cached("invoice:1"), None, "{cut:?}");
            let seen = reader.invoice_details(1).await.unwrap().value.unwrap();
            assert_eq!(seen.balance_due, money(due), "{cut:?}");
        }
        // The server may do it later than we invalidated, so only the relay can say that these rows are done.
        writer.clone().close().await;
        assert!(world.count("cache_invalidations WHERE relayed_at IS NULL").await > 0);
        assert_eq!(world.count("cache_invalidations WHERE relayed_at IS NOT NULL").await, 0);
        // The client asks again, as it is told to.
        let writer = world.process().await;
        for (transaction_id, due) in [("a", "70"), ("b", "40")] {
            done(writer.process_payment(payment(1, "30", transaction_id)).await);
            assert_eq!(reader.invoice_details(1).await.unwrap().value.unwrap().balance_due, money(due));
        }
    })
    .await;
}
