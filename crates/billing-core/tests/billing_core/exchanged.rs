//! Data of Redis that are exchanged with others (`SWAPDB`), or that go: nothing is read from what came before the
//! invalidations of the window were applied to it.

use billing_cache::Tier;
use billing_core::service::BillingService;
use test_support::eventually;

use crate::relay_history::{assert_bypassed_until_replayed, change_invoice, hold_outbox};
use crate::relaying::{due, until, until_due, until_due_in_redis};
use crate::world::{DEADLINE, World, for_each_world};

const DATA: &str = "billing_cache:{database}:data";

impl World {
    fn exchange(&self) {
        self.redis.command::<()>(&["SWAPDB", "0", "1"]).unwrap();
    }

    /// Puts what is cached of an invoice into the other data, too.
    fn copy_to_other_data(&self, key: &str) {
        assert!(self.redis.command::<bool>(&["COPY", key, key, "DB", "1", "REPLACE"]).unwrap());
    }
}

/// Reads until a process has noticed, and does not read from Redis any more.
async fn until_suspended(service: &BillingService, amount: u32) {
    let expected = (format!("{amount}.00"), Tier::Bypassed);
    until(async || due(service, 2).await == expected).await;
}

#[tokio::test]
async fn data_that_were_exchanged_are_not_read_before_the_replay() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 50).await;
        world.copy_to_other_data("invoice:2");
        change_invoice(world, &service).await;
        let held = hold_outbox(world).await;
        world.exchange();
        until_suspended(&service, 60).await;
        assert_bypassed_until_replayed(world, &service, held).await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn data_that_come_back_are_told_what_was_changed_while_they_were_away() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 50).await;
        world.exchange();
        until(async || world.cached(DATA).is_some()).await;
        world.set_amount(2, 60).await;
        until_due(&service, 2, 60).await;
        until_due_in_redis(&service, 2, 60).await;
        world.wait_until_relayed().await;
        world.exchange();
        assert!(world.cached("invoice:2").unwrap().contains("50.00"), "they are as they were");
        until_due(&service, 2, 60).await;
        until_due_in_redis(&service, 2, 60).await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_process_that_was_not_there_when_data_were_exchanged_replays_to_them() {
    for_each_world(async |world| {
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 50).await;
        world.copy_to_other_data("invoice:2");
        change_invoice(world, &service).await;
        service.close().await;
        world.exchange();
        let service = world.relaying().await;
        until_due_in_redis(&service, 2, 60).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn after_a_flush_by_others_everything_is_read_right_and_redis_is_used_again() {
    for_each_world(async |world| {
        let services = [world.relaying().await, world.relaying().await];
        change_invoice(world, &services[0]).await;
        for flush in ["FLUSHDB", "FLUSHALL"] {
            let before = world.cached(DATA);
            world.redis.command::<()>(&[flush]).unwrap();
            for service in &services {
                until_due_in_redis(service, 2, 60).await;
            }
            // Whoever finds none sets another one.
            let is_named = || async { world.cached(DATA).is_some_and(|id| Some(id) != before) };
            eventually(DEADLINE, is_named).await.unwrap();
            world.wait_until_relayed().await;
            until(async || services[0].cache().uses_redis() && services[1].cache().uses_redis()).await;
        }
        for service in services {
            service.close().await;
        }
    })
    .await;
}
