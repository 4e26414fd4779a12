//! Credit notes: creating them, and applying one to an invoice.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};

use super::commands::positive;
use super::error::cut;
use super::invoices::require_user;
use super::locked::{LockedCreditNote, LockedInvoice};
use super::{BillingError, BillingService, Entity, NewCreditNote, Refusal};
use crate::database::row;
use crate::dict;
use crate::entities::{CreditNoteStatus, credit_note, credit_note_application, invoice};
use crate::money::Money;
use crate::outbox::{WriteTxn, Written};
use crate::time::now;

impl BillingService {
    /// Creates a credit note.
    ///
    /// # Errors
    /// No such user or invoice, an invoice of another user (refused), or invalid input.
    pub async fn create_credit_note(
        &self,
        command: NewCreditNote,
    ) -> Result<Written<credit_note::Model>, BillingError> {
        self.once_more(|| self.try_create_credit_note(command.clone())).await
    }

    async fn try_create_credit_note(
        &self,
        command: NewCreditNote,
    ) -> Result<Written<credit_note::Model>, BillingError> {
        command.check()?;
        let transaction = self.begin_write().await?;
        require_user(&transaction, command.user_id).await?;
        if let Some(invoice_id) = command.reference_invoice_id {
            require_own_invoice(&transaction, command.user_id, invoice_id).await?;
        }
        let note = credit_note::ActiveModel {
            user_id: Set(Some(command.user_id)),
            amount: Set(Some(command.amount)),
            remaining_amount: Set(Some(command.amount)),
            reason: Set(Some(command.reason)),
            reference_invoice_id: Set(command.reference_invoice_id),
            status: Set(Some(CreditNoteStatus::Issued.into())),
            created_at: Set(Some(now())),
            ..Default::default()
        };
        let note = note.insert(&*transaction).await?;
        Ok(transaction.commit(note).await?)
    }

    /// Applies a credit note to an invoice of the same user: `amount`, or else as much as remains, is due
    /// and is not reserved for pending payments.
    ///
    /// # Errors
    /// No such credit note or invoice; more than remains, than is due or than pending payments leave, another user, or
    /// either of them closed (refused).
    pub async fn apply_credit_note_to_invoice(
        &self,
        credit_note_id: i32,
        invoice_id: i32,
        amount: Option<Money>,
    ) -> Result<Written<dict::InvoiceDetails>, BillingError> {
        self.once_more(|| self.try_apply_credit_note_to_invoice(credit_note_id, invoice_id, amount)).await
    }

    async fn try_apply_credit_note_to_invoice(
        &self,
        credit_note_id: i32,
        invoice_id: i32,
        amount: Option<Money>,
    ) -> Result<Written<dict::InvoiceDetails>, BillingError> {
        amount.map_or(Ok(()), |amount| positive("amount", amount))?;
        let transaction = self.begin_write().await?;
        let invoice = LockedInvoice::lock(&transaction, invoice_id).await?;
        let note = LockedCreditNote::lock(&transaction, credit_note_id).await?;
        let amount = amount.unwrap_or(note.remaining()?.min(applicable_by_default(&invoice)));
        require_applicable(&invoice, &note, amount)?;
        let application = credit_note_application::ActiveModel {
            credit_note_id: Set(Some(credit_note_id)),
            invoice_id: Set(Some(invoice_id)),
            amount: Set(Some(amount)),
            applied_at: Set(Some(now())),
            ..Default::default()
        };
        application.insert(&*transaction).await?;
        note.take_off(amount).await?;
        let details = invoice.settle().await?;
        Ok(transaction.commit(details).await?)
    }
}

/// All that is free; where nothing is, what is due, which is then refused by naming what it is reserved for.
fn applicable_by_default(invoice: &LockedInvoice<'_>) -> Money {
    let free = invoice.free();
    if free.is_positive() { free } else { invoice.details().balance_due }
}

fn require_applicable(invoice: &LockedInvoice<'_>, note: &LockedCreditNote<'_>, amount: Money) -> Result<(), Refusal> {
    let remaining = note.remaining()?;
    let note = note.row();
    // NULL is nobody, not the same somebody.
    if note.user_id.is_none() || note.user_id != invoice.row().user_id {
        return Err(Refusal::OtherUser { credit_note_id: note.id, invoice_id: invoice.row().id });
    }
    invoice.require_open()?;
    let status = CreditNoteStatus::of_column(note.status.as_deref());
    if !remaining.is_positive() || !matches!(status, Some(CreditNoteStatus::Issued | CreditNoteStatus::Partial)) {
        let status = cut(note.status.as_deref().unwrap_or(CreditNoteStatus::Issued.as_str()));
        return Err(Refusal::CreditNoteClosed { credit_note_id: note.id, status });
    }
    if amount > remaining {
        return Err(Refusal::ExceedsCredit { credit_note_id: note.id, amount, remaining });
    }
    invoice.require_due(amount)
}

async fn require_own_invoice(transaction: &WriteTxn, user_id: i32, invoice_id: i32) -> Result<(), BillingError> {
    let invoice = row(&**transaction, invoice::Entity::find_by_id(invoice_id)).await?;
    let invoice = invoice.ok_or(BillingError::not_found(Entity::Invoice, invoice_id))?;
    if invoice.user_id == Some(user_id) { Ok(()) } else { Err(Refusal::ForeignInvoice { user_id, invoice_id }.into()) }
}
