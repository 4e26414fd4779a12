//! Taking payments.
//!
//! Invariants: the sum of the accepted payments never exceeds what is due minus what is pending, however many payments
//! come at once, because each holds the invoice's lock. A transaction id is paid once. A caller that gets a payment,
//! taken now or earlier, also learns whether other processes can read it.

use std::collections::BTreeSet;

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, SqlErr};

use super::error::cut;
use super::locked::LockedInvoice;
use super::{BillingError, BillingService, NewPayment};
use crate::cached::{InvoiceId, Invoices};
use crate::entities::{PaymentStatus, payment};
use crate::time::now;
use billing_outbox::database::{DatabaseError, insert, row};
use billing_outbox::outbox::{WriteTxn, Written};

impl BillingService {
    /// Takes a payment. The same transaction id with the same content returns the payment that was taken before.
    ///
    /// # Errors
    /// No such invoice; a transaction id that was used for something else, or for a payment that was not completed
    /// (conflict); an invoice that is not open, or an amount above what is due or above what pending payments leave
    /// (refused).
    pub async fn process_payment(&self, command: NewPayment) -> Result<Written<payment::Model>, BillingError> {
        command.check()?;
        match self.once_more(|| self.try_payment(&command)).await {
            // Another writer used the transaction id at the same moment: look again.
            Err(error) if is_duplicate(&error) => self.try_payment(&command).await,
            outcome => outcome,
        }
    }

    async fn try_payment(&self, command: &NewPayment) -> Result<Written<payment::Model>, BillingError> {
        let transaction = self.begin_write().await?;
        let invoice = LockedInvoice::lock(&transaction, command.invoice_id).await?;
        if let Some(before) = payment_of(&transaction, &command.transaction_id).await? {
            drop(invoice);
            drop(transaction);
            return self.payment_again(command.invoice_id, same_payment(before, command)?).await;
        }
        invoice.require_open()?;
        invoice.require_due(command.amount)?;
        let payment = payment::ActiveModel {
            invoice_id: Set(Some(command.invoice_id)),
            amount: Set(Some(command.amount)),
            payment_method: Set(Some(command.payment_method.clone())),
            transaction_id: Set(Some(command.transaction_id.clone())),
            status: Set(Some(PaymentStatus::Completed.into())),
            created_at: Set(Some(now())),
            ..Default::default()
        };
        let payment = insert(&*transaction, payment).await?;
        invoice.settle().await?;
        Ok(transaction.commit(payment).await?)
    }

    /// Returns a payment that was taken before. A client asks again when it got no answer, so the writer may have died
    /// after the commit, or Redis may have been away. Its invalidation is therefore not known to be done.
    async fn payment_again(
        &self,
        invoice_id: i32,
        payment: payment::Model,
    ) -> Result<Written<payment::Model>, BillingError> {
        let key = self.cache().any_key::<Invoices>(&InvoiceId(invoice_id));
        let pending = self.writer.invalidate_again(BTreeSet::from([key])).await;
        Ok(Written { value: payment, pending })
    }
}

async fn payment_of(transaction: &WriteTxn, transaction_id: &str) -> Result<Option<payment::Model>, BillingError> {
    let same_id = payment::Column::TransactionId.eq(transaction_id);
    Ok(row(&**transaction, payment::Entity::find().filter(same_id)).await?)
}

/// Another program's payment may exist without being completed: then the caller must not learn that it was taken.
fn same_payment(before: payment::Model, command: &NewPayment) -> Result<payment::Model, BillingError> {
    let id = &command.transaction_id;
    let same = before.invoice_id == Some(command.invoice_id)
        && before.amount == Some(command.amount)
        && before.payment_method.as_ref() == Some(&command.payment_method);
    let is_completed = PaymentStatus::of_column(before.status.as_deref()) == Some(PaymentStatus::Completed);
    let conflict = if !same {
        format!("transaction {id:?} was used before for another payment, number {}", before.id)
    } else if !is_completed {
        let status = cut(before.status.as_deref().unwrap_or(PaymentStatus::Pending.as_str()));
        format!("transaction {id:?} is payment number {}, which is {status:?} and not completed", before.id)
    } else {
        return Ok(before);
    };
    Err(BillingError::Conflict(conflict))
}

fn is_duplicate(error: &BillingError) -> bool {
    let BillingError::Database(DatabaseError::Statement(error)) = error else { return false };
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
