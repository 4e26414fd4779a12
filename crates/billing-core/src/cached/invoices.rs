//! `invoice:{invoice_id}`: an invoice with its discounts, taxes, credit notes, payments and totals.
//!
//! Invariant: the details come from one snapshot of the database, never half before and half after a payment. Names and
//! rates are those copied onto the invoice, so a renamed discount changes no invoice.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use billing_cache::{CacheKey, CachedType, HotKeysResult, KeyWriter, LoadResult, Loaded};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::{BillingType, id_of_columns};
use crate::database::Database;
use crate::dict::{self, CreditNoteLine, DiscountLine, PaymentLine, TaxLine};
use crate::entities::{PaymentStatus, credit_note_application, invoice, invoice_discount, invoice_tax, payment};
use crate::migration::TableDependency;
use crate::money::{Money, Percent};

/// The declaration of `invoices`.
#[derive(Debug)]
pub struct Invoices;

/// Which invoice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InvoiceId(pub i32);

impl CacheKey for InvoiceId {
    const PARTS: &'static [&'static str] = &["invoice_id"];

    fn write_parts(&self, out: &mut KeyWriter<'_>) {
        out.part(self.0);
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        parts.first()?.parse().ok().map(Self)
    }
}

impl CachedType for Invoices {
    type Source = Database;
    type Key = InvoiceId;
    type Value = dict::InvoiceDetails;

    const NAME: &'static str = "invoices";
    const PREFIX: &'static str = "invoice";
    const TTL: Duration = Duration::from_secs(5 * 60);

    async fn load(database: &Database, keys: &[InvoiceId]) -> LoadResult<Self> {
        let snapshot = database.snapshot().await?;
        let ids: Vec<i32> = keys.iter().map(|key| key.0).collect();
        let details = read_details(&*snapshot, &ids).await?;
        snapshot.finish().await?;
        Ok(details.into_iter().map(|details| (InvoiceId(details.id), Loaded::lasting(details))).collect())
    }

    /// The newest invoices.
    async fn hot_keys(database: &Database, after: Option<&InvoiceId>, limit: u64) -> HotKeysResult<Self> {
        let ids: Vec<i32> = invoice::Entity::find()
            .select_only()
            .column(invoice::Column::Id)
            .apply_if(after, |query, after| query.filter(invoice::Column::Id.lt(after.0)))
            .order_by_desc(invoice::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(database.connection())
            .await?;
        Ok(ids.into_iter().map(InvoiceId).collect())
    }
}

impl BillingType for Invoices {
    const DEPENDENCIES: &'static [TableDependency] = &[
        TableDependency { table: "invoices", key_columns: &["id"] },
        TableDependency { table: "payments", key_columns: &["invoice_id"] },
        TableDependency { table: "invoice_discounts", key_columns: &["invoice_id"] },
        TableDependency { table: "invoice_taxes", key_columns: &["invoice_id"] },
        TableDependency { table: "credit_note_applications", key_columns: &["invoice_id"] },
    ];

    fn key_of_columns(columns: &[Option<String>]) -> Option<InvoiceId> {
        id_of_columns(columns).map(InvoiceId)
    }
}

/// The details of these invoices, as this connection sees them: five queries, however many invoices.
pub(crate) async fn read_details<C: ConnectionTrait>(
    connection: &C,
    ids: &[i32],
) -> Result<Vec<dict::InvoiceDetails>, DbErr> {
    let wanted = || ids.iter().copied();
    let invoices = invoice::Entity::find().filter(invoice::Column::Id.is_in(wanted())).all(connection).await?;
    let discounts = invoice_discount::Entity::find()
        .filter(invoice_discount::Column::InvoiceId.is_in(wanted()))
        .order_by_asc(invoice_discount::Column::Id)
        .all(connection)
        .await?;
    let taxes = invoice_tax::Entity::find()
        .filter(invoice_tax::Column::InvoiceId.is_in(wanted()))
        .order_by_asc(invoice_tax::Column::Id)
        .all(connection)
        .await?;
    let credits = credit_note_application::Entity::find()
        .filter(credit_note_application::Column::InvoiceId.is_in(wanted()))
        .order_by_asc(credit_note_application::Column::Id)
        .all(connection)
        .await?;
    let payments = payment::Entity::find()
        .filter(payment::Column::InvoiceId.is_in(wanted()))
        .order_by_asc(payment::Column::Id)
        .all(connection)
        .await?;
    let mut lines = Lines {
        discounts: by_invoice(discounts, |row| row.invoice_id),
        taxes: by_invoice(taxes, |row| row.invoice_id),
        credits: by_invoice(credits, |row| row.invoice_id),
        payments: by_invoice(payments, |row| row.invoice_id),
    };
    Ok(invoices.iter().map(|invoice| lines.details_of(invoice)).collect())
}

/// The rows that belong to some invoices, by invoice.
struct Lines {
    discounts: HashMap<i32, Vec<invoice_discount::Model>>,
    taxes: HashMap<i32, Vec<invoice_tax::Model>>,
    credits: HashMap<i32, Vec<credit_note_application::Model>>,
    payments: HashMap<i32, Vec<payment::Model>>,
}

impl Lines {
    fn details_of(&mut self, invoice: &invoice::Model) -> dict::InvoiceDetails {
        let discounts: Vec<_> = take(&mut self.discounts, invoice.id).map(discount_line).collect();
        let taxes: Vec<_> = take(&mut self.taxes, invoice.id).map(tax_line).collect();
        let credit_notes: Vec<_> = take(&mut self.credits, invoice.id).map(credit_line).collect();
        let payments: Vec<_> = take(&mut self.payments, invoice.id).map(payment_line).collect();
        let total_discount: Money = discounts.iter().map(|line| line.amount).sum();
        let total_tax: Money = taxes.iter().map(|line| line.amount).sum();
        let total_credit: Money = credit_notes.iter().map(|line| line.amount).sum();
        let completed = payments.iter().filter(|line| line.status == PaymentStatus::Completed);
        let total_paid: Money = completed.map(|line| line.amount).sum();
        let total = invoice.amount - total_discount + total_tax;
        dict::InvoiceDetails {
            id: invoice.id,
            user_id: invoice.user_id,
            amount: invoice.amount,
            status: invoice.status.clone(),
            subtotal: invoice.amount,
            discounts,
            total_discount,
            taxes,
            total_tax,
            credit_notes,
            total_credit,
            payments,
            total_paid,
            total,
            balance_due: total - total_credit - total_paid,
            due_date: invoice.due_date,
            created_at: invoice.created_at,
            paid_at: invoice.paid_at,
            billing_country: invoice.country_code().to_owned(),
        }
    }
}

fn by_invoice<R, K: Eq + Hash>(rows: Vec<R>, key: impl Fn(&R) -> K) -> HashMap<K, Vec<R>> {
    let mut grouped: HashMap<K, Vec<R>> = HashMap::new();
    for row in rows {
        grouped.entry(key(&row)).or_default().push(row);
    }
    grouped
}

fn take<R>(rows: &mut HashMap<i32, Vec<R>>, invoice_id: i32) -> impl Iterator<Item = R> + use<R> {
    rows.remove(&invoice_id).unwrap_or_default().into_iter()
}

fn discount_line(row: invoice_discount::Model) -> DiscountLine {
    DiscountLine { id: row.discount_id, name: row.name.unwrap_or_default(), amount: row.amount }
}

fn tax_line(row: invoice_tax::Model) -> TaxLine {
    TaxLine {
        id: row.tax_rate_id,
        name: row.name.unwrap_or_default(),
        rate: row.rate.unwrap_or(Percent::ZERO),
        amount: row.tax_amount,
    }
}

fn credit_line(row: credit_note_application::Model) -> CreditNoteLine {
    CreditNoteLine { id: row.credit_note_id, amount: row.amount, applied_at: row.applied_at }
}

fn payment_line(row: payment::Model) -> PaymentLine {
    PaymentLine {
        id: row.id,
        amount: row.amount,
        payment_method: row.payment_method,
        status: row.status,
        created_at: row.created_at,
    }
}
