//! Columns whose types are changed under running processes: prepared statements of PostgreSQL fail then, on each
//! connection from before, and nobody is to notice.

use billing_core::service::BillingService;
use billing_outbox::outbox;

use crate::backends::execute;
use crate::commands::{done, invoice, payment};
use crate::relay_postgres::on_postgres;
use crate::relaying::{due, until_due};
use crate::world::World;

/// Every connection of a process has the plan of every statement.
async fn prepared(world: &World, service: &BillingService) {
    for round in 0..12 {
        let () = world.redis.command(&["FLUSHDB"]).unwrap();
        let (one, two) = tokio::join!(service.invoice_details(1), service.invoice_details(2));
        assert!(one.is_ok() && two.is_ok());
        let pay = |writer: u32| service.process_payment(payment(1, "0.01", &format!("before-{round}-{writer}")));
        let (one, two) = tokio::join!(pay(1), pay(2));
        done(one);
        done(two);
        done(service.create_invoice(invoice(2, "10")).await);
        outbox::waiting(service.cache()).await.unwrap();
    }
    let () = world.redis.command(&["FLUSHDB"]).unwrap();
}

async fn few_connections(world: &World) -> BillingService {
    let mut settings = world.settings();
    settings.database.max_connections = 2;
    world.process_with(settings).await
}

const WIDER: [&str; 3] = [
    "ALTER TABLE invoices ALTER COLUMN status TYPE varchar(64)",
    "ALTER TABLE payments ALTER COLUMN payment_method TYPE varchar(64)",
    "ALTER TABLE cache_invalidations ALTER COLUMN cache_type TYPE varchar(80)",
];

#[tokio::test]
async fn a_column_that_becomes_wider_fails_no_read_and_no_write() {
    on_postgres(async |world| {
        let service = few_connections(world).await;
        prepared(world, &service).await;
        for (number, change) in WIDER.into_iter().enumerate() {
            execute(&world.database, change).await;
            done(service.create_invoice(invoice(2, "10")).await);
            done(service.process_payment(payment(1, "0.01", &format!("after-{number}"))).await);
            for id in 1..=4 {
                due(&service, id).await;
            }
            outbox::waiting(service.cache()).await.unwrap();
            outbox::backlog(service.cache(), &world.settings().relay).await.unwrap();
            prepared(world, &service).await;
        }
        service.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_relay_goes_on_over_an_outbox_whose_columns_become_wider() {
    on_postgres(async |world| {
        let service = world.relaying().await;
        for (amount, change) in [(60, WIDER[2]), (70, "ALTER TABLE cache_invalidations ALTER redis_history TYPE text")]
        {
            due(&service, 2).await;
            world.set_amount(2, amount).await;
            until_due(&service, 2, amount).await;
            execute(&world.database, change).await;
        }
        due(&service, 2).await;
        world.set_amount(2, 80).await;
        until_due(&service, 2, 80).await;
        world.wait_until_relayed().await;
        service.close().await;
    })
    .await;
}
