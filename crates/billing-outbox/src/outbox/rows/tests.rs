//! Both databases find rows of the outbox by an index, whatever their statistics say.

use sea_orm::{QueryTrait, Statement};
use test_support::TestDatabase;

use super::*;
use crate::database::Database;
use crate::subscriptions::{APPLICATION, migrated};

/// A database with many applied rows, whose statistics know of no pending row although some were added since.
async fn surprised(owned: &TestDatabase, pending: u32) -> Database {
    let database = migrated(owned).await;
    let execute = async |sql: &str| {
        let _ = database.connection().execute_unprepared(sql).await.unwrap();
    };
    let rows = |number: u32, relayed_at: &str| {
        format!(
            "INSERT INTO cache_invalidations (cache_type, key_parts, table_name, relayed_at) \
             WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {number}) \
             SELECT 'subscriptions', '[' || id || ']', 'test', {relayed_at} FROM n"
        )
    };
    execute(&rows(20, "'2026-01-01 00:00:00.000000'")).await;
    execute("ANALYZE cache_invalidations").await;
    execute(&rows(pending, "NULL")).await;
    database
}

/// The generic plan, as a prepared statement gets after many runs.
async fn plan(database: &Database, statement: &Statement) -> String {
    if database.backend() == DbBackend::Sqlite {
        let explain = Statement { sql: format!("EXPLAIN QUERY PLAN {}", statement.sql), ..statement.clone() };
        let lines = database.connection().query_all_raw(explain).await.unwrap();
        return lines.iter().map(|line| line.try_get_by_index::<String>(3).unwrap()).collect::<Vec<_>>().join("\n");
    }
    let transaction = database.begin_write().await.unwrap();
    let prepare = format!("SET LOCAL plan_cache_mode = force_generic_plan; PREPARE s AS {}", statement.sql);
    transaction.execute_unprepared(&prepare).await.unwrap();
    let values = vec!["NULL"; statement.values.as_ref().unwrap().0.len()].join(", ");
    let explain = Statement::from_string(DbBackend::Postgres, format!("EXPLAIN EXECUTE s({values})"));
    let lines = transaction.query_all_raw(explain).await.unwrap();
    transaction.execute_unprepared("DEALLOCATE s").await.unwrap();
    lines.iter().map(|line| line.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn rows_that_are_known_by_their_ids_are_found_by_them_alone() {
    let owned = TestDatabase::postgres().await.unwrap();
    let database = surprised(&owned, 30_000).await;
    let ids: Vec<i64> = (1..=1_000).collect();
    let (time, history) = (now(database.connection()), history_value(None));
    let (time_if, history_if) = if_pending(time.clone(), history.clone());
    for statement in [
        mark_statement(&ids, time, history).build(DbBackend::Postgres),
        mark_statement(&ids, time_if, history_if).build(DbBackend::Postgres),
        pending_among(&ids).build(DbBackend::Postgres),
    ] {
        let plan = plan(&database, &statement).await;
        assert!(plan.contains("cache_invalidations_pkey"), "{plan}");
    }
    database.close().await.unwrap();
    owned.drop_database().await.unwrap();
}

/// As many rows as a relay finds at every look among the applied ones.
#[tokio::test]
async fn a_look_of_the_relay_goes_through_no_row_that_was_applied_before_the_last_one() {
    for owned in [TestDatabase::sqlite().unwrap(), TestDatabase::postgres().await.unwrap()] {
        let database = surprised(&owned, 100).await;
        let applied = "UPDATE cache_invalidations SET relayed_at = '2026-01-01 00:00:00.000000' WHERE id > 20";
        let many = "INSERT INTO cache_invalidations (cache_type, key_parts, table_name, relayed_at) \
                    SELECT a.cache_type, a.key_parts, a.table_name, a.relayed_at \
                    FROM cache_invalidations a, cache_invalidations b";
        for sql in [applied, many, "ANALYZE cache_invalidations"] {
            database.connection().execute_unprepared(sql).await.unwrap();
        }
        let backend = database.backend();
        let pending = Needed::Pending { older_than: Duration::from_millis(50), seen: Some(1) };
        let than = Histories { known: BTreeSet::new(), some_hide: false };
        let elsewhere = Needed::AppliedElsewhere { than, since: crate::database::now() };
        for (statement, index) in [
            (counts(backend, &APPLICATION, &pending), "ix_cache_invalidations_pending"),
            (
                taken(backend, &APPLICATION, &pending, Wanted::newest("subscriptions", i64::MAX)),
                "ix_cache_invalidations_pending",
            ),
            (selected(backend, &APPLICATION, &elsewhere), "ix_cache_invalidations_relayed"),
        ] {
            let plan = plan(&database, &statement.build(backend)).await;
            assert!(plan.contains(index), "on {}: {plan}", owned.backend_name());
        }
        database.close().await.unwrap();
        owned.drop_database().await.unwrap();
    }
}
