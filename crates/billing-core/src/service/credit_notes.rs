//! Credit notes: creating them, and applying one to an invoice.

use sea_orm::sea_query::ExprTrait;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

use super::commands::positive;
use super::error::cut;
use super::invoices::require_user;
use super::locked::{LockedCreditNote, LockedInvoice};
use super::{BillingError, BillingService, Entity, NewCreditNote, Refusal};
use crate::dict;
use crate::entities::{CreditNoteStatus, credit_note, credit_note_application};
use crate::money::Money;
use crate::time::now;
use billing_outbox::database::{insert, rows};
use billing_outbox::outbox::{WriteTxn, Written};

impl BillingService {
    /// Creates a credit note. The notes that refer to an invoice must not exceed its total together; a note without a
    /// reference has no limit.
    ///
    /// # Errors
    /// No such user or invoice, an invoice of another user or more than its total (refused), or invalid input.
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
            let invoice = LockedInvoice::lock(&transaction, invoice_id).await?;
            require_own_invoice(&invoice, command.user_id)?;
            require_creditable(&transaction, &invoice, command.amount).await?;
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
        let note = insert(&*transaction, note).await?;
        Ok(transaction.commit(note).await?)
    }

    /// Applies a credit note to an invoice of the same user. Applies `amount`; if it is `None`, as much as remains on
    /// the note, is due on the invoice, and is not reserved for pending payments.
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
        insert(&*transaction, application).await?;
        note.take_off(amount).await?;
        let details = invoice.settle().await?;
        Ok(transaction.commit(details).await?)
    }
}

/// All that is free. If nothing is free, what is due: the refusal then says what it is reserved for.
fn applicable_by_default(invoice: &LockedInvoice<'_>) -> Money {
    let free = invoice.free();
    if free.is_positive() { free } else { invoice.details().balance_due }
}

fn require_applicable(invoice: &LockedInvoice<'_>, note: &LockedCreditNote<'_>, amount: Money) -> Result<(), Refusal> {
    let remaining = note.remaining()?;
    let note = note.row();
    // Two NULLs are not the same user.
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

fn require_own_invoice(invoice: &LockedInvoice<'_>, user_id: i32) -> Result<(), Refusal> {
    let invoice = invoice.row();
    if invoice.user_id == Some(user_id) {
        return Ok(());
    }
    Err(Refusal::ForeignInvoice { user_id, invoice_id: invoice.id })
}

/// Refuses a note that, together with those that already refer to the invoice, exceeds the invoice's total. The
/// invoice's lock keeps other writers from creating one at the same time.
async fn require_creditable(
    transaction: &WriteTxn,
    invoice: &LockedInvoice<'_>,
    amount: Money,
) -> Result<(), BillingError> {
    let (invoice_id, total) = (invoice.row().id, invoice.details().total);
    let counts = credit_note::Column::Status.ne(CreditNoteStatus::Cancelled.as_str());
    let notes = credit_note::Entity::find()
        .filter(credit_note::Column::ReferenceInvoiceId.eq(invoice_id))
        .filter(counts.or(credit_note::Column::Status.is_null()));
    let mut credited = Money::ZERO;
    for note in rows(&**transaction, notes).await? {
        let note = note.model()?;
        let missing = Refusal::Incomplete { entity: Entity::CreditNote, id: note.id, column: "amount" };
        credited += note.amount.ok_or(missing)?;
    }
    if credited + amount <= total {
        return Ok(());
    }
    Err(Refusal::CreditExceedsTotal { invoice_id, amount, credited, total }.into())
}
