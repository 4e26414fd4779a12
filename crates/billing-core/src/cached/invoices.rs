//! `invoice:{invoice_id}`: an invoice with its discounts, taxes, credit notes, payments and totals.
//!
//! Invariants: the details come from one snapshot of the database, never half before and half after a payment. Names
//! and rates are those copied onto the invoice, so renaming a discount changes no invoice.

use std::collections::HashMap;
use std::time::Duration;

use billing_cache::{CacheKey, CachedType, HotKeysResult, KeyWriter, LoadResult, Loaded, Owner};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use crate::dict::{self, CreditNoteLine, DiscountLine, PaymentLine, TaxLine};
use crate::entities::{PaymentStatus, credit_note_application, invoice, invoice_discount, invoice_tax, payment};
use crate::money::Money;
use billing_outbox::database::{Database, DatabaseError, RawRow, UnreadableRow, rows};
use billing_outbox::declaration::{TableDependency, Watched, id_of_columns};

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

    fn owner(details: &dict::InvoiceDetails, key: &InvoiceId) -> Owner {
        Owner::if_same(details.id == key.0)
    }

    async fn load(database: &Database, keys: &[InvoiceId]) -> LoadResult<Self> {
        let snapshot = database.snapshot().await?;
        let ids: Vec<i32> = keys.iter().map(|key| key.0).collect();
        let details = read_details(&*snapshot, &ids).await?;
        snapshot.finish().await?;
        let value = |details: Result<_, UnreadableRow>| Ok(Loaded::lasting(details?));
        Ok(details.into_iter().map(|(id, details)| (InvoiceId(id), value(details))).collect())
    }

    /// The newest invoices.
    async fn hot_keys(database: &Database, after: Option<&InvoiceId>, limit: u64) -> HotKeysResult<Self> {
        let newest = invoice::Entity::find()
            .select_only()
            .column(invoice::Column::Id)
            .filter(invoice::Column::Id.between(i32::MIN, i32::MAX))
            .apply_if(after, |query, after| query.filter(invoice::Column::Id.lt(after.0)))
            .order_by_desc(invoice::Column::Id)
            .limit(limit);
        let ids = rows(database.connection(), newest).await?;
        Ok(ids.iter().map(|row| row.key(invoice::Column::Id).map(InvoiceId)).collect::<Result<_, _>>()?)
    }
}

impl Watched for Invoices {
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

/// The details of these invoices by id, as this connection sees them. It takes five queries, however many invoices. A
/// row that cannot be read affects only its own invoice.
pub(crate) async fn read_details<C: ConnectionTrait>(
    connection: &C,
    ids: &[i32],
) -> Result<HashMap<i32, Result<dict::InvoiceDetails, UnreadableRow>>, DatabaseError> {
    let wanted = || ids.iter().copied();
    let invoices = rows(connection, invoice::Entity::find().filter(invoice::Column::Id.is_in(wanted()))).await?;
    let discounts = invoice_discount::Entity::find()
        .filter(invoice_discount::Column::InvoiceId.is_in(wanted()))
        .order_by_asc(invoice_discount::Column::Id);
    let taxes = invoice_tax::Entity::find()
        .filter(invoice_tax::Column::InvoiceId.is_in(wanted()))
        .order_by_asc(invoice_tax::Column::Id);
    let credits = credit_note_application::Entity::find()
        .filter(credit_note_application::Column::InvoiceId.is_in(wanted()))
        .order_by_asc(credit_note_application::Column::Id);
    let payments =
        payment::Entity::find().filter(payment::Column::InvoiceId.is_in(wanted())).order_by_asc(payment::Column::Id);
    let mut lines = Lines {
        discounts: by_invoice(rows(connection, discounts).await?, invoice_discount::Column::InvoiceId)?,
        taxes: by_invoice(rows(connection, taxes).await?, invoice_tax::Column::InvoiceId)?,
        credits: by_invoice(rows(connection, credits).await?, credit_note_application::Column::InvoiceId)?,
        payments: by_invoice(rows(connection, payments).await?, payment::Column::InvoiceId)?,
    };
    let mut details = HashMap::with_capacity(invoices.len());
    for row in invoices {
        let id = row.key(invoice::Column::Id)?;
        details.insert(id, row.model().and_then(|invoice| lines.details_of(&invoice)));
    }
    Ok(details)
}

/// Rows of one table by the invoice that they belong to, each converted or unreadable.
type ByInvoice<R> = HashMap<i32, Vec<Result<R, UnreadableRow>>>;

/// The rows that belong to some invoices.
struct Lines {
    discounts: ByInvoice<invoice_discount::Model>,
    taxes: ByInvoice<invoice_tax::Model>,
    credits: ByInvoice<credit_note_application::Model>,
    payments: ByInvoice<payment::Model>,
}

impl Lines {
    /// Nothing is computed from a missing amount: a total is right, or it is an error.
    fn details_of(&mut self, invoice: &invoice::Model) -> Result<dict::InvoiceDetails, UnreadableRow> {
        let amount = invoice.amount.ok_or_else(|| lacks::<invoice::Entity>(invoice.id, invoice::Column::Amount))?;
        let discounts = lines_of(&mut self.discounts, invoice.id, discount_line)?;
        let taxes = lines_of(&mut self.taxes, invoice.id, tax_line)?;
        let credit_notes = lines_of(&mut self.credits, invoice.id, credit_line)?;
        let payments = lines_of(&mut self.payments, invoice.id, payment_line)?;
        let total_discount: Money = discounts.iter().map(|line| line.amount).sum();
        let total_tax: Money = taxes.iter().map(|line| line.amount).sum();
        let total_credit: Money = credit_notes.iter().map(|line| line.amount).sum();
        let total_paid = total_paid(&payments)?;
        let total = amount - total_discount + total_tax;
        Ok(dict::InvoiceDetails {
            id: invoice.id,
            user_id: invoice.user_id,
            amount,
            status: invoice.status.clone(),
            subtotal: amount,
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
            billing_country: invoice.country_code().map(str::to_owned),
        })
    }
}

/// Only completed payments count.
fn total_paid(payments: &[PaymentLine]) -> Result<Money, UnreadableRow> {
    let is_completed =
        |line: &&PaymentLine| PaymentStatus::of_column(line.status.as_deref()) == Some(PaymentStatus::Completed);
    let amount_of =
        |line: &PaymentLine| line.amount.ok_or_else(|| lacks::<payment::Entity>(line.id, payment::Column::Amount));
    payments.iter().filter(is_completed).map(amount_of).sum()
}

fn by_invoice<E: EntityTrait>(
    rows: Vec<RawRow<E>>,
    invoice_id: E::Column,
) -> Result<ByInvoice<E::Model>, UnreadableRow> {
    let mut grouped: ByInvoice<E::Model> = HashMap::new();
    for row in rows {
        grouped.entry(row.key(invoice_id)?).or_default().push(row.model());
    }
    Ok(grouped)
}

fn lines_of<R, L>(
    rows: &mut ByInvoice<R>,
    invoice_id: i32,
    line: impl Fn(R) -> Result<L, UnreadableRow>,
) -> Result<Vec<L>, UnreadableRow> {
    let own = rows.remove(&invoice_id).unwrap_or_default();
    own.into_iter().map(|row| row.and_then(&line)).collect()
}

fn lacks<E: EntityTrait>(id: i32, column: E::Column) -> UnreadableRow {
    UnreadableRow::lacks::<E>(id, column)
}

fn discount_line(row: invoice_discount::Model) -> Result<DiscountLine, UnreadableRow> {
    let missing = || lacks::<invoice_discount::Entity>(row.id, invoice_discount::Column::Amount);
    Ok(DiscountLine { id: row.discount_id, amount: row.amount.ok_or_else(missing)?, name: row.name })
}

/// Reads the line's own row alone. So a change of `tax_rates` makes no invoice wrong, and invalidates none.
fn tax_line(row: invoice_tax::Model) -> Result<TaxLine, UnreadableRow> {
    let missing = || lacks::<invoice_tax::Entity>(row.id, invoice_tax::Column::TaxAmount);
    let rate = row.own_rate();
    Ok(TaxLine { id: row.tax_rate_id, amount: row.tax_amount.ok_or_else(missing)?, name: row.name, rate })
}

fn credit_line(row: credit_note_application::Model) -> Result<CreditNoteLine, UnreadableRow> {
    let missing = || lacks::<credit_note_application::Entity>(row.id, credit_note_application::Column::Amount);
    Ok(CreditNoteLine { id: row.credit_note_id, amount: row.amount.ok_or_else(missing)?, applied_at: row.applied_at })
}

#[expect(clippy::unnecessary_wraps, reason = "a line of an invoice like the others")]
fn payment_line(row: payment::Model) -> Result<PaymentLine, UnreadableRow> {
    Ok(PaymentLine {
        id: row.id,
        amount: row.amount,
        payment_method: row.payment_method,
        status: row.status,
        created_at: row.created_at,
    })
}
