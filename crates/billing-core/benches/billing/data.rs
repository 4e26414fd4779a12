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
        username: Set(Some("bench".into())),
        email: Set(Some("bench@example.org".into())),
        hashed_password: Set(Some("!".into())),
        role: Set(Some("customer".into())),
        is_active: Set(Some(true)),
        created_at: Set(Some(now())),
        updated_at: Set(Some(now())),
        ..Default::default()
    };
    let user = user.insert(&*txn).await?.id;
    let rate = tax_rate::ActiveModel {
        name: Set(Some("VAT".into())),
        rate: Set(Some("20".parse::<Percent>()?)),
        country: Set(Some("GB".into())),
        is_default: Set(Some(true)),
        created_at: Set(Some(now())),
        updated_at: Set(Some(now())),
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
        user_id: Set(Some(user)),
        amount: Set(Some(amount)),
        status: Set(Some("partial".into())),
        due_date: Set(Some(now() + chrono::Days::new(30))),
        created_at: Set(Some(now())),
        billing_country: Set(Some("GB".into())),
        ..Default::default()
    }))
    .exec(&*txn)
    .await?;
    invoice_tax::Entity::insert_many(ids.clone().map(|id| invoice_tax::ActiveModel {
        invoice_id: Set(Some(id)),
        tax_rate_id: Set(Some(rate)),
        taxable_amount: Set(Some(amount)),
        tax_amount: Set(Some(Money::from_minor(2_000))),
        created_at: Set(Some(now())),
        ..Default::default()
    }))
    .exec(&*txn)
    .await?;
    payment::Entity::insert_many(ids.map(|id| payment::ActiveModel {
        invoice_id: Set(Some(id)),
        amount: Set(Some(Money::from_minor(100))),
        payment_method: Set(Some("card".into())),
        transaction_id: Set(Some(format!("bench-{id}"))),
        status: Set(Some("completed".into())),
        created_at: Set(Some(now())),
        ..Default::default()
    }))
    .exec(&*txn)
    .await?;
    let _ = txn.commit(()).await?;
    Ok(())
}
