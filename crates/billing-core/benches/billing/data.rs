//! A database to measure on: users with invoices, of which each has a tax and a payment.

use billing_core::entities::{invoice, invoice_tax, payment, tax_rate, user};
use billing_core::money::{Money, Percent};
use billing_core::service::BillingService;
use billing_core::time::now;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, EntityTrait};

const INVOICES: i32 = 10_000;
const CHUNK: i32 = 500;

/// Fills an empty database and returns the ids of the invoices.
pub(crate) async fn fill(service: &BillingService) -> anyhow::Result<Vec<i32>> {
    let txn = service.begin_write().await?;
    let user = user::ActiveModel {
        username: Set("bench".into()),
        email: Set("bench@example.org".into()),
        hashed_password: Set("!".into()),
        role: Set("customer".into()),
        is_active: Set(true),
        created_at: Set(now()),
        updated_at: Set(now()),
        ..Default::default()
    };
    let user = user.insert(&*txn).await?.id;
    let rate = tax_rate::ActiveModel {
        name: Set("VAT".into()),
        rate: Set("20".parse::<Percent>()?),
        country: Set("GB".into()),
        is_default: Set(true),
        created_at: Set(now()),
        updated_at: Set(now()),
        ..Default::default()
    };
    let rate = rate.insert(&*txn).await?.id;
    let _ = txn.commit(()).await?;
    for chunk in 0..INVOICES / CHUNK {
        fill_chunk(service, user, rate, chunk).await?;
    }
    Ok((1..=INVOICES).collect())
}

async fn fill_chunk(service: &BillingService, user: i32, rate: i32, chunk: i32) -> anyhow::Result<()> {
    let ids = chunk * CHUNK + 1..=(chunk + 1) * CHUNK;
    let amount = Money::from_minor(10_000);
    let txn = service.begin_write().await?;
    invoice::Entity::insert_many(ids.clone().map(|id| invoice::ActiveModel {
        id: Set(id),
        user_id: Set(user),
        amount: Set(amount),
        status: Set("partial".into()),
        due_date: Set(now() + chrono::Days::new(30)),
        created_at: Set(now()),
        billing_country: Set("GB".into()),
        ..Default::default()
    }))
    .exec(&*txn)
    .await?;
    invoice_tax::Entity::insert_many(ids.clone().map(|id| invoice_tax::ActiveModel {
        invoice_id: Set(id),
        tax_rate_id: Set(rate),
        taxable_amount: Set(amount),
        tax_amount: Set(Money::from_minor(2_000)),
        created_at: Set(now()),
        ..Default::default()
    }))
    .exec(&*txn)
    .await?;
    payment::Entity::insert_many(ids.map(|id| payment::ActiveModel {
        invoice_id: Set(id),
        amount: Set(Money::from_minor(100)),
        payment_method: Set("card".into()),
        transaction_id: Set(format!("bench-{id}")),
        status: Set("completed".into()),
        created_at: Set(now()),
        ..Default::default()
    }))
    .exec(&*txn)
    .await?;
    let _ = txn.commit(()).await?;
    Ok(())
}
