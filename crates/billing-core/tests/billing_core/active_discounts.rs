//! The list of active discounts: what is on it, and how long it may be served.

use std::time::Duration;

use billing_cache::Tier;
use billing_core::time::now;
use chrono::TimeDelta;

use crate::backends::execute;
use crate::commands::{amount_off, done};
use crate::world::{World, for_each_world};

/// One more discount, from and to so many seconds from now.
async fn add_discount(world: &World, name: &str, from: i64, to: Option<i64>) {
    let sql_time = |seconds| (now() + TimeDelta::seconds(seconds)).format("'%F %T%.6f'").to_string();
    let to = to.map_or("NULL".to_owned(), sql_time);
    let sql = format!(
        "INSERT INTO discounts (name, discount_type, value, valid_from, valid_to) VALUES ('{name}', 'x', 1, {}, {to})",
        sql_time(from)
    );
    execute(&world.database, &sql).await;
}

async fn names(world: &World) -> Vec<String> {
    let read = world.process().await.active_discounts().await.unwrap();
    read.value.unwrap().iter().filter_map(|discount| discount.name.clone()).collect()
}

/// The time to live of the list in milliseconds, once it is cached.
async fn ttl(world: &World) -> i64 {
    let _: () = world.redis.command(&["DEL", "active_discounts"]).unwrap();
    assert_eq!(world.process().await.active_discounts().await.unwrap().tier, Tier::Loaded);
    world.redis.command(&["PTTL", "active_discounts"]).unwrap()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

#[tokio::test]
async fn only_discounts_that_are_valid_now_are_listed_by_id() {
    for_each_world(async |world| {
        assert_eq!(names(world).await, ["Ten percent", "Five off", "Huge"]);
        add_discount(world, "started", -5, Some(3_000)).await;
        add_discount(world, "ended", -5, Some(-1)).await;
        add_discount(world, "starts", 3_000, None).await;
        let _: () = world.redis.command(&["DEL", "active_discounts"]).unwrap();
        assert_eq!(names(world).await, ["Ten percent", "Five off", "Huge", "started"]);
    })
    .await;
}

#[tokio::test]
async fn the_list_ends_when_the_next_discount_starts_or_ends() {
    for_each_world(async |world| {
        let hour = millis(Duration::from_secs(3600));
        assert!((hour * 9 / 10..=hour).contains(&ttl(world).await), "nothing changes by itself");
        for (name, from, to, bound) in [
            ("later than the list", 7_000, Some(7_200), 3600),
            ("starts in ten minutes", 600, None, 600),
            ("ends in five minutes", -600, Some(300), 300),
            ("ended long ago", -600, Some(-300), 300),
        ] {
            add_discount(world, name, from, to).await;
            let (ttl, bound) = (ttl(world).await, millis(Duration::from_secs(bound)));
            assert!(0 < ttl && ttl <= bound, "{name}: {ttl}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_discount_that_is_switched_off_changes_nothing_by_itself() {
    for_each_world(async |world| {
        add_discount(world, "soon", -600, Some(300)).await;
        execute(&world.database, "UPDATE discounts SET is_active = FALSE WHERE name = 'soon'").await;
        let quarter = millis(Duration::from_secs(900));
        assert!(ttl(world).await > quarter);
    })
    .await;
}

#[tokio::test]
async fn no_discounts_are_a_value_of_their_own() {
    for_each_world(async |world| {
        execute(&world.database, "DELETE FROM discounts").await;
        let process = world.process().await;
        for tier in [Tier::Loaded, Tier::L2] {
            let read = process.active_discounts().await.unwrap();
            assert_eq!((read.tier, read.value.as_deref()), (tier, Some(&vec![])));
        }
        assert_eq!(world.cached("active_discounts").as_deref(), Some("[]"));
        done(process.create_discount(amount_off("New", "1")).await);
        assert_eq!(names(world).await, ["New"]);
    })
    .await;
}
