//! Rows locked for a decision about money.
//!
//! Invariant: a [`LockedInvoice`] exists only inside the write transaction that locked and read it, so its amounts are
//! those of the database at this moment. A value from the cache cannot become one. The same holds for a
//! [`LockedCreditNote`].
//!
//! Used by every write of the service that decides about money.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel, QuerySelect};

use super::error::cut;
use super::pending::require_amounts;
use super::{BillingError, Entity, PendingPayments, Refusal};
use crate::cached::read_details;
use crate::dict;
use crate::entities::{CreditNoteStatus, InvoiceStatus, credit_note, invoice};
use crate::money::Money;
use crate::time::now;
use billing_outbox::database::row;
use billing_outbox::outbox::WriteTxn;

/// An invoice that no other writer can change until the transaction ends. Decisions about money are made on it.
///
/// ```
/// # use billing_core::money::Money;
/// # use billing_core::service::{BillingError, BillingService, LockedInvoice};
/// fn may_pay(invoice: &LockedInvoice<'_>, amount: Money) -> bool {
///     amount <= invoice.details().balance_due
/// }
///
/// async fn decide(billing: BillingService) -> Result<bool, BillingError> {
///     let transaction = billing.begin_write().await?;
///     let invoice = LockedInvoice::lock(&transaction, 42).await?;
///     Ok(may_pay(&invoice, Money::from_minor(10_00)))
/// }
/// ```
///
/// A value from the cache has another type, and nothing converts it into this one:
///
/// ```compile_fail,E0308
/// # use billing_core::money::Money;
/// # use billing_core::service::{BillingError, BillingService, LockedInvoice};
/// fn may_pay(invoice: &LockedInvoice<'_>, amount: Money) -> bool {
///     amount <= invoice.details().balance_due
/// }
///
/// async fn decide(billing: BillingService) -> Result<bool, BillingError> {
///     let invoice = billing.invoice_details(42).await?.value.expect("it is there");
///     Ok(may_pay(&*invoice, Money::from_minor(10_00)))
/// }
/// ```
#[derive(Debug)]
pub struct LockedInvoice<'t> {
    transaction: &'t WriteTxn,
    row: invoice::Model,
    details: dict::InvoiceDetails,
    /// What was due when the invoice was locked.
    due_before: Money,
}

impl<'t> LockedInvoice<'t> {
    /// Locks the invoice and reads what is due on it.
    ///
    /// # Errors
    /// No such invoice, or the database failed.
    pub async fn lock(transaction: &'t WriteTxn, invoice_id: i32) -> Result<Self, BillingError> {
        let locked = row(&**transaction, invoice::Entity::find_by_id(invoice_id).lock_exclusive()).await?;
        let row = locked.ok_or(BillingError::not_found(Entity::Invoice, invoice_id))?;
        let details = Self::read(transaction, invoice_id).await?;
        require_amounts(&details)?;
        Ok(Self { transaction, row, due_before: details.balance_due, details })
    }

    async fn read(transaction: &WriteTxn, invoice_id: i32) -> Result<dict::InvoiceDetails, BillingError> {
        let details = read_details(&**transaction, &[invoice_id]).await?.remove(&invoice_id);
        Ok(details.ok_or(BillingError::not_found(Entity::Invoice, invoice_id))??)
    }

    pub(super) fn row(&self) -> &invoice::Model {
        &self.row
    }

    /// The invoice with its lines and totals, as the transaction sees it.
    #[must_use]
    pub fn details(&self) -> &dict::InvoiceDetails {
        &self.details
    }

    /// Refuses an invoice that is settled, withdrawn, or has an unknown status.
    pub(super) fn require_open(&self) -> Result<(), Refusal> {
        let (invoice_id, due) = (self.row.id, self.details.balance_due);
        let word = self.row.status.as_deref();
        let Some(status) = InvoiceStatus::of_column(word) else {
            return Err(Refusal::InvoiceNotOpen { invoice_id, status: cut(word.unwrap_or_default()) });
        };
        match status {
            status if status.is_open() && due.is_positive() => Ok(()),
            status if status.is_open() => Err(Refusal::InvoiceClosed { invoice_id, status: InvoiceStatus::Paid }),
            InvoiceStatus::Paid if due.is_positive() => {
                Err(Refusal::PaidButDue { invoice_id, due, pending: self.pending() })
            }
            status => Err(Refusal::InvoiceClosed { invoice_id, status }),
        }
    }

    /// Refuses an amount above what is due, or above what pending payments leave of it.
    pub(super) fn require_due(&self, amount: Money) -> Result<(), Refusal> {
        let (invoice_id, due) = (self.row.id, self.details.balance_due);
        if amount > due {
            Err(Refusal::ExceedsDue { invoice_id, amount, due })
        } else if amount > self.free() {
            Err(Refusal::Reserved { invoice_id, amount, due, pending: self.pending() })
        } else {
            Ok(())
        }
    }

    /// What may be paid or credited: what is due minus what is pending.
    pub(super) fn free(&self) -> Money {
        self.details.balance_due - self.pending().total
    }

    fn pending(&self) -> PendingPayments {
        PendingPayments::of(&self.details)
    }

    /// Reads what is due again, after a change.
    pub(super) async fn read_again(&mut self) -> Result<(), BillingError> {
        self.details = Self::read(self.transaction, self.row.id).await?;
        Ok(())
    }

    pub(super) fn transaction(&self) -> &'t WriteTxn {
        self.transaction
    }

    /// The taxable amount: the subtotal minus the discounts.
    pub(super) fn taxable(&self) -> Money {
        self.details.subtotal - self.details.total_discount
    }

    /// Sets the status that follows from what is due after a change. Refuses a change that would leave the invoice
    /// overpaid, or that takes away what pending payments need.
    pub(super) async fn settle(self) -> Result<dict::InvoiceDetails, BillingError> {
        let mut details = Self::read(self.transaction, self.row.id).await?;
        if details.balance_due.is_negative() {
            return Err(Refusal::Overpaid { invoice_id: self.row.id, by: -details.balance_due }.into());
        }
        self.require_room_for_pending(&details)?;
        let status = status_of(&details);
        if InvoiceStatus::of_column(self.row.status.as_deref()) != Some(status) {
            let mut row = self.row.into_active_model();
            row.status = Set(Some(status.into()));
            if status == InvoiceStatus::Paid {
                row.paid_at = Set(Some(now()));
            }
            let row = row.update(&**self.transaction).await?;
            details.status = row.status;
            details.paid_at = row.paid_at;
        }
        Ok(details)
    }

    /// Pending payments may already exceed what is due. A change that takes nothing off is then no worse.
    fn require_room_for_pending(&self, changed: &dict::InvoiceDetails) -> Result<(), Refusal> {
        let (pending, due) = (PendingPayments::of(changed), changed.balance_due);
        if due >= pending.total || due >= self.due_before {
            return Ok(());
        }
        Err(Refusal::LessThanPending { invoice_id: self.row.id, due, pending })
    }
}

/// The status that follows from the amounts and the due date of an open invoice.
fn status_of(details: &dict::InvoiceDetails) -> InvoiceStatus {
    if !details.balance_due.is_positive() {
        InvoiceStatus::Paid
    } else if details.due_date.is_some_and(|due| due < now()) {
        InvoiceStatus::Overdue
    } else if (details.total_paid + details.total_credit).is_positive() {
        InvoiceStatus::Partial
    } else {
        InvoiceStatus::Unpaid
    }
}

/// A credit note that no other writer can change until the transaction ends.
///
/// A cached credit note is of another type:
///
/// ```compile_fail,E0308
/// # use billing_core::money::Money;
/// # use billing_core::service::{BillingError, BillingService, LockedCreditNote};
/// fn is_used_up(note: &LockedCreditNote<'_>) -> bool {
///     note.row().remaining_amount.is_some_and(Money::is_zero)
/// }
///
/// async fn decide(billing: BillingService) -> Result<bool, BillingError> {
///     let notes = billing.user_credit_notes(1).await?.value.expect("a list is always there");
///     Ok(is_used_up(&notes[0]))
/// }
/// ```
///
/// ```
/// # use billing_core::money::Money;
/// # use billing_core::service::{BillingError, BillingService, LockedCreditNote};
/// # fn is_used_up(note: &LockedCreditNote<'_>) -> bool {
/// #     note.row().remaining_amount.is_some_and(Money::is_zero)
/// # }
/// async fn decide(billing: BillingService) -> Result<bool, BillingError> {
///     let transaction = billing.begin_write().await?;
///     Ok(is_used_up(&LockedCreditNote::lock(&transaction, 1).await?))
/// }
/// ```
#[derive(Debug)]
pub struct LockedCreditNote<'t> {
    transaction: &'t WriteTxn,
    row: credit_note::Model,
}

impl<'t> LockedCreditNote<'t> {
    /// Locks a credit note. A writer that locks both locks the invoice first, so that two writers cannot wait for each
    /// other.
    ///
    /// # Errors
    /// No such credit note, or the database failed.
    pub async fn lock(transaction: &'t WriteTxn, id: i32) -> Result<Self, BillingError> {
        let locked = row(&**transaction, credit_note::Entity::find_by_id(id).lock_exclusive()).await?;
        let row = locked.ok_or(BillingError::not_found(Entity::CreditNote, id))?;
        Ok(Self { transaction, row })
    }

    /// The row, as the transaction sees it.
    #[must_use]
    pub fn row(&self) -> &credit_note::Model {
        &self.row
    }

    /// What is not applied yet.
    pub(super) fn remaining(&self) -> Result<Money, Refusal> {
        let missing = Refusal::Incomplete { entity: Entity::CreditNote, id: self.row.id, column: "remaining_amount" };
        self.row.remaining_amount.ok_or(missing)
    }

    /// Subtracts an amount from what remains; the caller has compared the two.
    pub(super) async fn take_off(self, amount: Money) -> Result<(), BillingError> {
        let remaining = self.remaining()? - amount;
        let status = if remaining.is_positive() { CreditNoteStatus::Partial } else { CreditNoteStatus::Applied };
        let mut row = self.row.into_active_model();
        row.remaining_amount = Set(Some(remaining));
        row.status = Set(Some(status.into()));
        if status == CreditNoteStatus::Applied {
            row.applied_at = Set(Some(now()));
        }
        row.update(&**self.transaction).await?;
        Ok(())
    }
}
