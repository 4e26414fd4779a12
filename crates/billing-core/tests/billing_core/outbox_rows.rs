//! What the rows of the outbox come down to, whoever wrote them.

use billing_core::cached::{self, BillingCache};
use billing_outbox::outbox::{OutboxRow, Target};

use crate::backends::{DECLARATIONS, execute, texts};
use crate::world::{World, for_each_empty_world, for_each_world};

fn row(cache_type: &str, key_parts: Option<&str>) -> OutboxRow {
    OutboxRow {
        id: 1,
        cache_type: cache_type.to_owned(),
        key_parts: key_parts.map(|parts| parts.as_bytes().to_vec()),
        is_pending: true,
        redis_history: None,
        age: None,
    }
}

fn shown(target: Target) -> String {
    match target {
        Target::Key(key) => format!("{} {key}", key.cache_type()),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_row_names_a_key_a_type_or_nothing() {
    for_each_empty_world(async |world| {
        let cache: BillingCache = world.process().await.cache().clone();
        for (cache_type, key_parts, expected) in [
            ("invoices", Some("[42]"), "invoices invoice:42"),
            ("invoices", Some(r#"["42"]"#), "invoices invoice:42"),
            ("user_credit_notes", Some("[7]"), "user_credit_notes user_credit_notes:7"),
            ("active_discounts", Some("[]"), "active_discounts active_discounts"),
            ("tax_rates", Some(r#"["GB",null]"#), "tax_rates tax_rate:GB:default"),
            ("tax_rates", Some(r#"["GB",""]"#), "tax_rates tax_rate:GB:default"),
            ("tax_rates", Some(r#"["US","CA"]"#), "tax_rates tax_rate:US:CA"),
            ("tax_rates", Some(r#"["FR","Île-de-France"]"#), "tax_rates tax_rate:FR:Île-de-France"),
            ("tax_rates", Some(r#"["gb",null]"#), "Nothing"),
            ("tax_rates", Some(r#"["GB","a:b"]"#), "Nothing"),
            ("tax_rates", Some(r#"["GB","*"]"#), "Nothing"),
            ("tax_rates", Some(r#"["GB","default"]"#), "Nothing"),
            ("tax_rates", Some(r#"[null,null]"#), "Nothing"),
            ("invoices", Some("[null]"), "Nothing"),
            ("invoices", Some("[99999999999]"), "Nothing"),
            ("invoices", None, r#"WholeType("invoices")"#),
            ("tax_rates", None, r#"WholeType("tax_rates")"#),
            ("active_discounts", None, "active_discounts active_discounts"),
            ("active_discounts", Some("rubbish"), "active_discounts active_discounts"),
            ("active_discounts", Some("[1]"), "active_discounts active_discounts"),
            ("user_credit_notes", None, r#"WholeType("user_credit_notes")"#),
            ("invoices", Some("[42.0]"), "invoices invoice:42"),
            ("invoices", Some("[42.5]"), "Nothing"),
            ("invoices", Some("[9e999]"), "Nothing"),
            ("invoices", Some(r#"["\ud800"]"#), "Nothing"),
            ("invoices", Some("rubbish"), r#"Unreadable("invoices")"#),
            ("invoices", Some("42"), r#"Unreadable("invoices")"#),
            ("invoices", Some("[1,2]"), r#"Unreadable("invoices")"#),
            ("tax_rates", Some(r#"["GB"]"#), r#"Unreadable("tax_rates")"#),
            ("payment_history", Some("[1]"), "UnknownType"),
            ("payment_history", None, "UnknownType"),
        ] {
            assert_eq!(shown(row(cache_type, key_parts).target(&cache)), expected, "{cache_type} {key_parts:?}");
        }
    })
    .await;
}

/// The targets of the pending rows, each once and in order.
async fn targets(world: &World) -> Vec<String> {
    let cache = world.process().await.cache().clone();
    let sql = "SELECT cache_type, key_parts FROM cache_invalidations WHERE relayed_at IS NULL";
    let rows = texts(&world.database, sql, 2).await;
    let target = |columns: &Vec<Option<String>>| {
        shown(row(columns[0].as_deref().unwrap(), columns[1].as_deref()).target(&cache))
    };
    let mut targets: Vec<String> = rows.iter().map(target).collect();
    targets.sort();
    targets.dedup();
    targets
}

#[tokio::test]
async fn a_foreign_writer_leaves_rows_that_name_what_it_made_wrong() {
    for_each_world(async |world| {
        for (sql, expected) in [
            ("UPDATE invoices SET status = 'overdue' WHERE user_id = 2", &["invoices invoice:2"][..]),
            ("UPDATE tax_rates SET region = 'a:b' WHERE country = 'US'", &["Nothing", "tax_rates tax_rate:US:CA"]),
            (
                "UPDATE credit_notes SET user_id = 3 WHERE user_id = 2",
                &["user_credit_notes user_credit_notes:2", "user_credit_notes user_credit_notes:3"],
            ),
            ("UPDATE discounts SET value = 1 WHERE id = 1", &["active_discounts active_discounts"]),
            (
                "INSERT INTO invoice_discounts (invoice_id, discount_id, amount) VALUES (2, 1, 1)",
                &["active_discounts active_discounts", "invoices invoice:2"],
            ),
        ] {
            execute(&world.database, sql).await;
            assert_eq!(targets(world).await, expected, "{sql}");
            execute(&world.database, "DELETE FROM cache_invalidations").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_write_relays_its_own_rows_and_leaves_those_of_others() {
    for_each_world(async |world| {
        execute(&world.database, "UPDATE invoices SET status = 'overdue' WHERE id = 2").await;
        let process = world.process().await;
        crate::commands::done(process.process_payment(crate::commands::payment(1, "1", "t")).await);
        process.close().await;
        assert_eq!(targets(world).await, ["invoices invoice:2"]);
        assert!(world.count("cache_invalidations WHERE relayed_at IS NOT NULL").await >= 1);
    })
    .await;
}

#[test]
fn the_declarations_are_those_of_the_design() {
    assert_eq!(&cached::declarations(), DECLARATIONS);
}
