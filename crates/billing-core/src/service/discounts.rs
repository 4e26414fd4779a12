//! Discounts: creating and changing them, and applying one to an invoice.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

use super::locked::LockedInvoice;
use super::{BillingError, BillingService, DiscountInput, Entity, Refusal};
use crate::dict;
use crate::entities::{discount, invoice_discount};
use crate::money::{Money, Percent};
use crate::time::now;
use billing_outbox::database::{insert, raw_row, row, update};
use billing_outbox::outbox::{WriteTxn, Written};

impl BillingService {
    /// Creates a discount.
    ///
    /// # Errors
    /// Invalid input.
    pub async fn create_discount(&self, input: DiscountInput) -> Result<Written<discount::Model>, BillingError> {
        self.once_more(|| self.try_create_discount(input.clone())).await
    }

    async fn try_create_discount(&self, input: DiscountInput) -> Result<Written<discount::Model>, BillingError> {
        input.check()?;
        let transaction = self.begin_write().await?;
        let row = discount::ActiveModel { created_at: Set(Some(now())), ..content_of(input) };
        let row = insert(&*transaction, row).await?;
        Ok(transaction.commit(row).await?)
    }

    /// Replaces the content of a discount. Invoices it was applied to keep their amounts.
    ///
    /// # Errors
    /// No such discount, or invalid input.
    pub async fn update_discount(
        &self,
        id: i32,
        input: DiscountInput,
    ) -> Result<Written<discount::Model>, BillingError> {
        self.once_more(|| self.try_update_discount(id, input.clone())).await
    }

    async fn try_update_discount(
        &self,
        id: i32,
        input: DiscountInput,
    ) -> Result<Written<discount::Model>, BillingError> {
        input.check()?;
        let transaction = self.begin_write().await?;
        find(&transaction, id).await?;
        let row = discount::ActiveModel { id: Set(id), ..content_of(input) };
        let row = update(&*transaction, row).await?;
        Ok(transaction.commit(row).await?)
    }

    /// Switches a discount off.
    ///
    /// # Errors
    /// No such discount.
    pub async fn deactivate_discount(&self, id: i32) -> Result<Written<discount::Model>, BillingError> {
        self.once_more(|| self.try_deactivate_discount(id)).await
    }

    async fn try_deactivate_discount(&self, id: i32) -> Result<Written<discount::Model>, BillingError> {
        let transaction = self.begin_write().await?;
        let mut row = find(&transaction, id).await?.into_active_model();
        row.is_active = Set(Some(false));
        row.updated_at = Set(Some(now()));
        let row = update(&*transaction, row).await?;
        Ok(transaction.commit(row).await?)
    }

    /// Takes a discount off an invoice, at most down to zero. Recomputes the taxes on the invoice.
    ///
    /// # Errors
    /// No such invoice or discount; a discount that is on the invoice already (conflict); an invoice that is not open,
    /// would be overpaid or leave less due than is pending, or a discount outside its validity (refused).
    pub async fn apply_discount_to_invoice(
        &self,
        invoice_id: i32,
        discount_id: i32,
    ) -> Result<Written<dict::InvoiceDetails>, BillingError> {
        self.once_more(|| self.try_apply_discount_to_invoice(invoice_id, discount_id)).await
    }

    async fn try_apply_discount_to_invoice(
        &self,
        invoice_id: i32,
        discount_id: i32,
    ) -> Result<Written<dict::InvoiceDetails>, BillingError> {
        let transaction = self.begin_write().await?;
        let mut invoice = LockedInvoice::lock(&transaction, invoice_id).await?;
        invoice.require_open()?;
        let discount = find(&transaction, discount_id).await?;
        discount.valid_from.ok_or(lacks(discount_id, "valid_from"))?;
        if !discount.is_valid_at(now()) {
            return Err(Refusal::DiscountNotValid { discount_id }.into());
        }
        require_not_applied(&transaction, invoice_id, discount_id).await?;
        let applied = invoice_discount::ActiveModel {
            invoice_id: Set(Some(invoice_id)),
            discount_id: Set(Some(discount_id)),
            amount: Set(Some(amount_off(&invoice, &discount)?)),
            created_at: Set(Some(now())),
            name: Set(discount.name),
            ..Default::default()
        };
        insert(&*transaction, applied).await?;
        invoice.reprice_taxes().await?;
        let details = invoice.settle().await?;
        Ok(transaction.commit(details).await?)
    }
}

/// The amount that a discount takes off: its percentage of the subtotal or its amount, and never more than what is left
/// of the subtotal.
fn amount_off(invoice: &LockedInvoice<'_>, discount: &discount::Model) -> Result<Money, BillingError> {
    let details = invoice.details();
    let value = discount.value.ok_or(lacks(discount.id, "value"))?;
    let full = if discount.is_percentage.ok_or(lacks(discount.id, "is_percentage"))? {
        let percent = Percent::new(value.to_decimal()).ok().filter(|percent| percent.is_within_0_to_100());
        let percent = percent.ok_or(Refusal::DiscountNotValid { discount_id: discount.id })?;
        details.subtotal.portion(percent)
    } else {
        value
    };
    let off = full.min(details.subtotal - details.total_discount);
    if !off.is_positive() {
        return Err(Refusal::NothingToDiscount { discount_id: discount.id, invoice_id: details.id }.into());
    }
    Ok(off)
}

fn lacks(discount_id: i32, column: &'static str) -> Refusal {
    Refusal::Incomplete { entity: Entity::Discount, id: discount_id, column }
}

async fn require_not_applied(transaction: &WriteTxn, invoice_id: i32, discount_id: i32) -> Result<(), BillingError> {
    let applied = invoice_discount::Entity::find()
        .filter(invoice_discount::Column::InvoiceId.eq(invoice_id))
        .filter(invoice_discount::Column::DiscountId.eq(discount_id));
    match raw_row(&**transaction, applied).await? {
        Some(_) => Err(BillingError::Conflict(format!("discount {discount_id} is on invoice {invoice_id} already"))),
        None => Ok(()),
    }
}

/// The row, locked against changes until the transaction ends.
async fn find(transaction: &WriteTxn, id: i32) -> Result<discount::Model, BillingError> {
    let row = row(&**transaction, discount::Entity::find_by_id(id).lock_exclusive()).await?;
    row.ok_or(BillingError::not_found(Entity::Discount, id))
}

fn content_of(input: DiscountInput) -> discount::ActiveModel {
    discount::ActiveModel {
        name: Set(Some(input.name)),
        description: Set(input.description),
        discount_type: Set(Some(input.discount_type)),
        value: Set(Some(input.value)),
        is_percentage: Set(Some(input.is_percentage)),
        is_active: Set(Some(input.is_active)),
        valid_from: Set(Some(input.valid_from)),
        valid_to: Set(input.valid_to),
        applicable_plans: Set(input.applicable_plans),
        updated_at: Set(Some(now())),
        ..Default::default()
    }
}
