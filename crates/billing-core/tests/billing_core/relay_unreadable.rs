//! Rows of the outbox that do not decode, and rows with times of their own: other programs write here too, and SQLite
//! keeps any bytes in any column. None of them stops a relay, a write, a replay or a tool.

use billing_core::service::BillingService;
use billing_outbox::outbox::{self, Unreadable};

use crate::backends::execute;
use crate::commands::{done, payment};
use crate::relay_postgres::on_postgres;
use crate::relaying::{due, until, until_due, until_due_in_redis};
use crate::world::{ROWS, World, for_each_world};

async fn on_sqlite(test: impl AsyncFn(&World)) {
    let owned = test_support::TestDatabase::sqlite().unwrap();
    let world = World::over(&owned).await;
    execute(&world.database, ROWS).await;
    test(&world).await;
    world.database.close().await.unwrap();
}

/// Writes a row with these columns besides the table's name.
async fn add(world: &World, columns: &str, values: &str) {
    let sql = format!("INSERT INTO cache_invalidations (table_name, {columns}) VALUES ('test', {values})");
    execute(&world.database, &sql).await;
}

/// A relay that goes on, and one that starts now, show what other programs change, and what the writers of services do.
async fn all_goes_on(world: &World, running: &BillingService) {
    until_due(running, 2, 60).await;
    let starting = world.relaying().await;
    until_due_in_redis(&starting, 2, 60).await;
    done(starting.process_payment(payment(1, "1", "t")).await);
    assert_eq!(due(running, 1).await.0, "99.00");
    starting.close().await;
}

const PENDING: &str = "cache_invalidations WHERE relayed_at IS NULL";

#[tokio::test]
async fn on_a_postgres_without_an_encoding_no_bytes_stop_a_relay() {
    let owned = test_support::TestDatabase::postgres_without_encoding().await.unwrap();
    let world = World::over(&owned).await;
    execute(&world.database, ROWS).await;
    let service = world.relaying().await;
    due(&service, 2).await;
    let rate =
        "INSERT INTO tax_rates (name, rate, country, region, is_default) VALUES ('x', 1, 'GB', E'M\\xfcnchen', TRUE)";
    execute(&world.database, rate).await;
    add(&world, "cache_type, key_parts", "E'\\xff', '[1]'").await;
    add(&world, "cache_type, key_parts", "'invoices', E'[\"\\xff\"]'").await;
    world.set_amount(2, 60).await;
    all_goes_on(&world, &service).await;
    outbox::backlog(service.cache(), &world.settings().relay).await.unwrap();
    outbox::unreadable(service.cache()).await.unwrap();
    service.close().await;
    world.database.close().await.unwrap();
    owned.drop_database().await.unwrap();
}

#[tokio::test]
async fn a_region_that_is_no_text_concerns_no_key_and_stops_no_relay() {
    on_sqlite(async |world| {
        let service = world.relaying().await;
        service.applicable_tax_rate("GB", None).await.unwrap();
        due(&service, 2).await;
        let rate = "('x', 1, 'GB', CAST(x'43f474' AS TEXT), TRUE)";
        execute(
            &world.database,
            &format!("INSERT INTO tax_rates (name, rate, country, region, is_default) VALUES {rate}"),
        )
        .await;
        world.set_amount(2, 60).await;
        all_goes_on(world, &service).await;
        world.wait_until_relayed().await;
        assert!(world.cached("tax_rate:GB:default").is_some(), "the type was not cleared");
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn whatever_bytes_stand_in_any_column_every_key_that_can_be_told_is_invalidated() {
    for (columns, values) in [
        ("cache_type, key_parts", "'invoices', x'5b325d'"),
        ("cache_type, key_parts", "'invoices', CAST(x'5b225c7530303332225d' AS TEXT)"),
        ("cache_type, key_parts, created_at", "'invoices', '[2]', 'one day'"),
        ("cache_type, key_parts, created_at", "'invoices', '[2]', x'ff'"),
        ("cache_type, key_parts, created_at", "'invoices', '[2]', 5"),
        ("cache_type, key_parts, created_at", "'invoices', '[2]', '-4713-01-01 00:00:00'"),
        ("cache_type, key_parts, txid", "'invoices', '[2]', 'none'"),
        ("cache_type, key_parts, redis_history", "'invoices', '[2]', x'ff'"),
        ("cache_type, key_parts, id", "'invoices', '[2]', -5"),
    ] {
        on_sqlite(async |world| {
            println!("{columns} = {values}");
            let service = world.relaying().await;
            due(&service, 2).await;
            add(world, columns, values).await;
            until(async || world.cached("invoice:2").is_none()).await;
            world.until_count(PENDING, 0).await;
            execute(&world.database, "UPDATE cache_invalidations SET table_name = CAST(x'ff' AS TEXT)").await;
            world.set_amount(2, 60).await;
            all_goes_on(world, &service).await;
            let key = service.cache().key_of_text("invoice:2").unwrap();
            assert!(outbox::last_of(service.cache(), &key, 10).await.unwrap().len() > 1);
            assert_eq!(outbox::unreadable(service.cache()).await.unwrap(), Unreadable::default());
            service.close().await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_mark_that_does_not_decode_is_that_of_another_history() {
    for mark in ["'some day', 'x'", "x'ff', x'ff'", "5, CAST(x'ff' AS TEXT)", "'some day', NULL"] {
        on_sqlite(async |world| {
            let process = world.process().await;
            due(&process, 2).await;
            add(world, "cache_type, key_parts, relayed_at, redis_history", &format!("'invoices', '[2]', {mark}")).await;
            let service = world.relaying().await;
            assert!(world.cached("invoice:2").is_none(), "it was not applied again: {mark}");
            outbox::retire(service.cache(), &world.settings().relay).await.unwrap();
            service.close().await;
        })
        .await;
    }
}

#[tokio::test]
async fn times_that_no_calendar_of_ours_has_stop_no_relay() {
    on_postgres(async |world| {
        let service = world.relaying().await;
        for time in ["infinity", "-infinity", "200000-01-01 00:00:00", "4000-01-01 00:00:00 BC"] {
            due(&service, 2).await;
            add(world, "cache_type, key_parts, created_at", &format!("'invoices', '[2]', '{time}'")).await;
            until(async || world.cached("invoice:2").is_none()).await;
            let applied = format!("'invoices', '[3]', '{time}', 'another:history'");
            add(world, "cache_type, key_parts, relayed_at, redis_history", &applied).await;
        }
        world.set_amount(2, 60).await;
        all_goes_on(world, &service).await;
        let key = service.cache().key_of_text("invoice:3").unwrap();
        assert_eq!(outbox::last_of(service.cache(), &key, 10).await.unwrap().len(), 4);
        outbox::backlog(service.cache(), &world.settings().relay).await.unwrap();
        outbox::retire(service.cache(), &world.settings().relay).await.unwrap();
        service.close().await;
    })
    .await;
}

/// Key columns that name no key of the type that can be told.
const UNREADABLE: [&str; 3] = ["rubbish", "[1,2]", "{\"id\":1}"];

#[tokio::test]
async fn where_the_key_cannot_be_told_the_type_is_cleared_once_for_all_such_rows() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        due(&service, 2).await;
        service.user_credit_notes(1).await.unwrap();
        world.redis.reset_command_stats().unwrap();
        let long = format!("[{}", " ".repeat(1_000_000));
        let rows: Vec<String> = UNREADABLE.iter().map(|&parts| parts.to_owned()).chain([long]).collect();
        let rows = rows.iter().map(|parts| format!("('invoices', '{parts}', 'test')")).collect::<Vec<_>>().join(", ");
        let sql = format!("INSERT INTO cache_invalidations (cache_type, key_parts, table_name) VALUES {rows}");
        execute(&world.database, &sql).await;
        world.add_rows("invoices", Some("rubbish"), 1_200).await;
        world.wait_until_relayed().await;
        assert!(world.cached("invoice:2").is_none());
        assert!(world.cached("user_credit_notes:1").is_some());
        // Two walks a pass. PostgreSQL's rows differ a little in age, so that a look may see some of them.
        let walks = world.redis.calls("scan").unwrap();
        assert!((2..=12).contains(&walks), "{walks}");
        let found = outbox::unreadable(service.cache()).await.unwrap();
        assert_eq!((found.rows, found.examples[0].1), (1_204, "invoices"));
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_row_whose_key_cannot_be_told_is_replayed_as_any_other() {
    for_each_world(async |world| {
        let process = world.process().await;
        due(&process, 2).await;
        let applied = "'invoices', 'rubbish', '2026-01-01 00:00:00', 'another:history'";
        add(world, "cache_type, key_parts, relayed_at, redis_history", applied).await;
        let service = world.relaying().await;
        assert!(world.cached("invoice:2").is_none());
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_type_whose_name_cannot_be_read_is_left_alone_and_counted() {
    on_sqlite(async |world| {
        let service = world.relaying().await;
        due(&service, 2).await;
        for name in ["x'696e766f69636573'", "CAST(x'696e76ff' AS TEXT)", "''"] {
            add(world, "cache_type, key_parts", &format!("{name}, '[2]'")).await;
        }
        world.add_row("invoices", Some("[1]")).await;
        world.until_count(PENDING, 3).await;
        assert!(world.cached("invoice:2").is_some(), "nothing is cleared for them");
        let backlog = outbox::backlog(service.cache(), &world.settings().relay).await.unwrap();
        let mut unknown = backlog.unknown_types;
        unknown.sort();
        let expected = [("", 1), ("invoices", 1), ("inv\u{fffd}", 1)];
        assert_eq!(unknown, expected.map(|(name, rows)| (name.to_owned(), rows)));
        world.set_amount(2, 60).await;
        all_goes_on(world, &service).await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_write_of_a_service_goes_on_too_where_its_own_rows_name_no_key() {
    on_sqlite(async |world| {
        let service = world.relaying().await;
        let write = service.begin_write().await.unwrap();
        let sql = "UPDATE tax_rates SET region = CAST(x'43f474' AS TEXT)";
        sea_orm::ConnectionTrait::execute_unprepared(&*write, sql).await.unwrap();
        assert!(write.commit(true).await.unwrap().value);
        service.close().await;
    })
    .await;
}

/// Ahead: a clock that was set back since, or that of another machine. The row is there for all to see.
#[tokio::test]
async fn a_row_that_is_stamped_in_the_future_is_not_waited_for() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        due(&service, 2).await;
        add(world, "cache_type, key_parts, created_at", "'invoices', '[2]', '2199-01-01 00:00:00.000000'").await;
        until(async || world.cached("invoice:2").is_none()).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}
