//! Invoices: creating them, taxing them, and marking those that are overdue.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};

use super::locked::LockedInvoice;
use super::{BillingError, BillingService, Entity, NewInvoice, TaxingRates};
use crate::country::Region;
use crate::dict;
use crate::entities::{InvoiceStatus, invoice, user};
use crate::time::now;
use billing_outbox::database::{insert, raw_row};
use billing_outbox::outbox::{Pending, WriteTxn, Written};

/// Invoices marked in one transaction, which holds the lock of each row until the end.
const OVERDUE_BATCH: u64 = 500;

impl BillingService {
    /// Creates an unpaid invoice.
    ///
    /// # Errors
    /// No such user, or invalid input.
    pub async fn create_invoice(&self, command: NewInvoice) -> Result<Written<invoice::Model>, BillingError> {
        self.once_more(|| self.try_create_invoice(command.clone())).await
    }

    async fn try_create_invoice(&self, command: NewInvoice) -> Result<Written<invoice::Model>, BillingError> {
        let country = command.check()?;
        let transaction = self.begin_write().await?;
        require_user(&transaction, command.user_id).await?;
        let invoice = invoice::ActiveModel {
            user_id: Set(Some(command.user_id)),
            amount: Set(Some(command.amount)),
            status: Set(Some(InvoiceStatus::Unpaid.into())),
            due_date: Set(Some(command.due_date)),
            created_at: Set(Some(now())),
            billing_country: Set(Some(country.to_string())),
            ..Default::default()
        };
        let invoice = insert(&*transaction, invoice).await?;
        Ok(transaction.commit(invoice).await?)
    }

    /// Puts the tax of the invoice's country, and of the region if one is given, onto the invoice: once, however often
    /// it is called. A tax of this place that is already on the invoice keeps its name and its rate, unless today's
    /// rates are asked for. A tax of another place is replaced. If no rate applies, the invoice has no tax.
    ///
    /// # Errors
    /// No such invoice; one that is not open, would be overpaid or leave less due than is pending, a tax that stays and
    /// whose rate is not known, or a rate that is no percentage (refused); an invalid region.
    pub async fn calculate_invoice_taxes(
        &self,
        invoice_id: i32,
        region: Option<&str>,
        rates: TaxingRates,
    ) -> Result<Written<dict::InvoiceDetails>, BillingError> {
        self.once_more(|| self.try_calculate_invoice_taxes(invoice_id, region, rates)).await
    }

    async fn try_calculate_invoice_taxes(
        &self,
        invoice_id: i32,
        region: Option<&str>,
        rates: TaxingRates,
    ) -> Result<Written<dict::InvoiceDetails>, BillingError> {
        let region = Region::parse(region.unwrap_or_default()).map_err(|error| BillingError::place(&error))?;
        let transaction = self.begin_write().await?;
        let invoice = LockedInvoice::lock(&transaction, invoice_id).await?;
        invoice.require_open()?;
        invoice.tax(region, rates).await?;
        let details = invoice.settle().await?;
        Ok(transaction.commit(details).await?)
    }

    /// Marks unpaid and partly paid invoices past their due date as overdue. Returns their number. Works in batches,
    /// and skips invoices that are being paid at this moment.
    ///
    /// # Errors
    /// Those of the database. Earlier batches stay marked.
    pub async fn mark_overdue_invoices(&self) -> Result<Written<u64>, BillingError> {
        let mut marked = Written { value: 0, pending: Pending::Nothing };
        loop {
            let batch = self.once_more(|| self.mark_overdue_batch()).await?;
            marked.value += batch.value;
            if batch.pending == Pending::Invalidation {
                marked.pending = Pending::Invalidation;
            }
            if batch.value < OVERDUE_BATCH {
                return Ok(marked);
            }
        }
    }

    async fn mark_overdue_batch(&self) -> Result<Written<u64>, BillingError> {
        let transaction = self.begin_write().await?;
        let open = [InvoiceStatus::Unpaid, InvoiceStatus::Partial].map(InvoiceStatus::as_str);
        let ids: Vec<i32> = invoice::Entity::find()
            .select_only()
            .column(invoice::Column::Id)
            .filter(invoice::Column::Status.is_in(open).or(invoice::Column::Status.is_null()))
            .filter(invoice::Column::DueDate.lt(now()))
            .order_by_asc(invoice::Column::Id)
            .limit(OVERDUE_BATCH)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .into_tuple()
            .all(&*transaction)
            .await?;
        let updated = invoice::Entity::update_many()
            .col_expr(invoice::Column::Status, Expr::value(InvoiceStatus::Overdue.as_str()))
            .filter(invoice::Column::Id.is_in(ids))
            .exec(&*transaction)
            .await?;
        Ok(transaction.commit(updated.rows_affected).await?)
    }
}

pub(super) async fn require_user(transaction: &WriteTxn, user_id: i32) -> Result<(), BillingError> {
    let user = raw_row(&**transaction, user::Entity::find_by_id(user_id)).await?;
    user.map(drop).ok_or(BillingError::not_found(Entity::User, user_id))
}
