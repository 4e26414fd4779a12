//! Why an operation was not done. Each error has a code for programs and a sentence for people.
//!
//! Returned by every operation of the service.

use std::fmt;

use billing_cache::ReadError;
use sea_orm::DbErr;

use crate::country::PlaceError;
use crate::entities::InvoiceStatus;
use crate::money::{Money, Percent};
use billing_outbox::database::{DatabaseError, UnreadableRow};
use billing_outbox::outbox::CommitError;

use super::PendingPayments;

/// An operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BillingError {
    /// There is no such row.
    #[error("there is no {entity} {id}")]
    NotFound {
        /// The kind of row.
        entity: Entity,
        /// Its id.
        id: i32,
    },
    /// It contradicts something that exists already.
    #[error("{0}")]
    Conflict(String),
    /// A billing rule forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The input itself is wrong.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field of the command.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The database failed; nothing was written.
    #[error("the database failed")]
    Database(#[source] DatabaseError),
    /// The write may have happened or not.
    #[error(transparent)]
    OutcomeUnknown(CommitError),
    /// A row that the operation needs exists and cannot be read. Trying again does not help; correcting the row does.
    #[error(transparent)]
    Unreadable(UnreadableRow),
    /// A cached value could not be loaded.
    #[error(transparent)]
    Read(ReadError<DatabaseError>),
}

/// The kinds of rows that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the entities")]
#[non_exhaustive]
pub enum Entity {
    User,
    Invoice,
    Discount,
    TaxRate,
    CreditNote,
    Payment,
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Invoice => "invoice",
            Self::Discount => "discount",
            Self::TaxRate => "tax rate",
            Self::CreditNote => "credit note",
            Self::Payment => "payment",
        })
    }
}

/// A billing rule that forbids an operation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The invoice is settled or withdrawn.
    #[error("invoice {invoice_id} is {status} and takes no change")]
    InvoiceClosed {
        /// The invoice.
        invoice_id: i32,
        /// Its status.
        status: InvoiceStatus,
    },
    /// Its status is a word that no rule of the contract knows.
    #[error(
        "invoice {invoice_id} has the status {status:?}, and only unpaid, partial and overdue ones take a change; \
         set one of these first"
    )]
    InvoiceNotOpen {
        /// The invoice.
        invoice_id: i32,
        /// The beginning of the word.
        status: String,
    },
    /// It is marked as paid, but a payment of it failed or was taken back, so it is unclear whether money is missing.
    #[error("invoice {invoice_id} is marked as paid while {due} is due on it; {}", next_step(*due, pending))]
    PaidButDue {
        /// The invoice.
        invoice_id: i32,
        /// What is due.
        due: Money,
        /// Payments that may cover it.
        pending: PendingPayments,
    },
    /// The amount exceeds what pending payments leave of the amount due.
    #[error(
        "{amount} is more than the {} left to pay on invoice {invoice_id}: of the {due} due {} is reserved for {pending}",
        (*due - pending.total).max(Money::ZERO), pending.total
    )]
    Reserved {
        /// The invoice.
        invoice_id: i32,
        /// The requested amount.
        amount: Money,
        /// What is due.
        due: Money,
        /// The reserved amount.
        pending: PendingPayments,
    },
    /// The change would leave less to pay than is reserved for pending payments.
    #[error("only {due} would be due on invoice {invoice_id}, where {} is reserved for {pending}", pending.total)]
    LessThanPending {
        /// The invoice.
        invoice_id: i32,
        /// What would be due.
        due: Money,
        /// The reserved amount.
        pending: PendingPayments,
    },
    /// The amount exceeds the amount due.
    #[error("{amount} is more than the {due} due on invoice {invoice_id}")]
    ExceedsDue {
        /// The invoice.
        invoice_id: i32,
        /// The requested amount.
        amount: Money,
        /// What is due.
        due: Money,
    },
    /// The change would leave less to pay than was already paid.
    #[error("invoice {invoice_id} would be overpaid by {by}")]
    Overpaid {
        /// The invoice.
        invoice_id: i32,
        /// The amount overpaid.
        by: Money,
    },
    /// The amount exceeds what remains of the credit note.
    #[error("{amount} is more than the {remaining} that remains of credit note {credit_note_id}")]
    ExceedsCredit {
        /// The credit note.
        credit_note_id: i32,
        /// The requested amount.
        amount: Money,
        /// What remains.
        remaining: Money,
    },
    /// The credit note is used up or withdrawn.
    #[error("credit note {credit_note_id} is {status:?} and cannot be applied")]
    CreditNoteClosed {
        /// The credit note.
        credit_note_id: i32,
        /// The beginning of its status word.
        status: String,
    },
    /// The credit note and the invoice belong to different users.
    #[error("credit note {credit_note_id} and invoice {invoice_id} belong to different users")]
    OtherUser {
        /// The credit note.
        credit_note_id: i32,
        /// The invoice.
        invoice_id: i32,
    },
    /// The invoice that a new credit note refers to belongs to another user.
    #[error("invoice {invoice_id} does not belong to user {user_id}")]
    ForeignInvoice {
        /// The user.
        user_id: i32,
        /// The invoice.
        invoice_id: i32,
    },
    /// The discount is switched off, has not started or has ended.
    #[error("discount {discount_id} is not valid now")]
    DiscountNotValid {
        /// The discount.
        discount_id: i32,
    },
    /// The discount takes nothing off.
    #[error("discount {discount_id} takes nothing off invoice {invoice_id}")]
    NothingToDiscount {
        /// The discount.
        discount_id: i32,
        /// The invoice.
        invoice_id: i32,
    },
    /// A column that the rule needs is NULL.
    #[error("{entity} {id} has no {column}; set it first")]
    Incomplete {
        /// The kind of row that lacks it.
        entity: Entity,
        /// Its id.
        id: i32,
        /// The column.
        column: &'static str,
    },
    /// A tax on the invoice cannot be recomputed: its rate was not copied onto it, and its amounts fit several rates or
    /// none.
    #[error(
        "tax line {line_id} of invoice {invoice_id} has no rate, and its amounts do not tell which it was; set rate in row \
         {line_id} of invoice_taxes, or tax the invoice again with \"rates\": \"current\" for the rate of now"
    )]
    UnknownRate {
        /// The invoice.
        invoice_id: i32,
        /// The row of `invoice_taxes`.
        line_id: i32,
    },
    /// The rate on a tax line is outside the range of tax rates.
    #[error(
        "tax line {line_id} of invoice {invoice_id} has a rate of {rate} percent, which is not from 0 to 100; correct rate in \
         row {line_id} of invoice_taxes, or tax the invoice again with \"rates\": \"current\" for the rate of now"
    )]
    CopiedRateOutOfRange {
        /// The invoice.
        invoice_id: i32,
        /// The row of `invoice_taxes`.
        line_id: i32,
        /// Its percentage.
        rate: Percent,
    },
    /// Another program stored a rate outside the range of tax rates.
    #[error("tax rate {tax_rate_id} is {rate} percent, which is not from 0 to 100; correct it before it is applied")]
    TaxRateOutOfRange {
        /// The tax rate.
        tax_rate_id: i32,
        /// Its percentage.
        rate: Percent,
    },
    /// The credit notes of the invoice would exceed its total.
    #[error(
        "a credit note of {amount} is more than invoice {invoice_id} leaves: its total is {total}, and other notes that refer \
         to it are {credited}; credit beyond that has no reference_invoice_id"
    )]
    CreditExceedsTotal {
        /// The invoice.
        invoice_id: i32,
        /// The requested amount.
        amount: Money,
        /// The sum of the notes that refer to the invoice and are not cancelled.
        credited: Money,
        /// The invoice's total.
        total: Money,
    },
    /// Invoices use the tax rate.
    #[error("tax rate {tax_rate_id} stands on {invoices} invoices; set is_default to false instead")]
    TaxRateInUse {
        /// The tax rate.
        tax_rate_id: i32,
        /// Number of invoices.
        invoices: u64,
    },
}

/// The next step for an invoice that is marked as paid but has an amount due.
fn next_step(due: Money, pending: &PendingPayments) -> String {
    if pending.ids.is_empty() {
        return format!("record what paid it, or set its status to unpaid so that {due} can be paid");
    }
    format!("{} of it is reserved for {pending}", pending.total.min(due))
}

/// The beginning of a database text, for a sentence that shows it with `{:?}`.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}

impl BillingError {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Conflict(_) => "conflict",
            Self::Refused(_) => "refused",
            Self::Invalid { .. } => "invalid",
            Self::Unreadable(_) => "unreadable",
            Self::Database(_) | Self::Read(_) => "unavailable",
            Self::OutcomeUnknown(_) => "outcome_unknown",
        }
    }

    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) => error.is_transient(),
            Self::Read(ReadError::Load { error, .. }) => error.is_transient(),
            Self::Read(_) => true,
            _ => false,
        }
    }

    pub(super) fn not_found(entity: Entity, id: i32) -> Self {
        Self::NotFound { entity, id }
    }

    pub(super) fn invalid(field: &'static str, reason: impl fmt::Display) -> Self {
        Self::Invalid { field, reason: reason.to_string() }
    }

    /// The error for a country or region in the command.
    pub(super) fn place(error: &PlaceError) -> Self {
        let field = match error {
            PlaceError::Country(_) => "country",
            _ => "region",
        };
        Self::invalid(field, error)
    }
}

impl From<DbErr> for BillingError {
    fn from(error: DbErr) -> Self {
        Self::Database(error.into())
    }
}

impl From<DatabaseError> for BillingError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::UnreadableRow(row) => Self::Unreadable(row),
            error => Self::Database(error),
        }
    }
}

impl From<UnreadableRow> for BillingError {
    fn from(row: UnreadableRow) -> Self {
        Self::Unreadable(row)
    }
}

impl From<ReadError<DatabaseError>> for BillingError {
    fn from(error: ReadError<DatabaseError>) -> Self {
        match &error {
            ReadError::Load { error: cause, .. } => match &**cause {
                DatabaseError::UnreadableRow(row) => Self::Unreadable(row.clone()),
                _ => Self::Read(error),
            },
            _ => Self::Read(error),
        }
    }
}

impl From<CommitError> for BillingError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(error) => error.into(),
            unknown => Self::OutcomeUnknown(unknown),
        }
    }
}
