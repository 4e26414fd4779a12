//! Why an operation was not done. Each has a code that callers can rely on and a sentence for people.

use std::fmt;

use billing_cache::ReadError;
use sea_orm::DbErr;

use crate::country::PlaceError;
use crate::database::{DatabaseError, is_transient};
use crate::entities::InvoiceStatus;
use crate::money::Money;
use crate::outbox::CommitError;

/// An operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BillingError {
    /// There is no such row.
    #[error("there is no {entity} {id}")]
    NotFound {
        /// What was looked for.
        entity: Entity,
        /// Its id.
        id: i32,
    },
    /// It contradicts something that is there already.
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
    /// It may have been written or not.
    #[error(transparent)]
    OutcomeUnknown(CommitError),
    /// A cached value could not be loaded.
    #[error(transparent)]
    Read(#[from] ReadError<DatabaseError>),
}

/// What can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the entities")]
#[non_exhaustive]
pub enum Entity {
    User,
    Invoice,
    Discount,
    TaxRate,
    CreditNote,
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Invoice => "invoice",
            Self::Discount => "discount",
            Self::TaxRate => "tax rate",
            Self::CreditNote => "credit note",
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
    /// More than what is due.
    #[error("{amount} is more than the {due} due on invoice {invoice_id}")]
    ExceedsDue {
        /// The invoice.
        invoice_id: i32,
        /// What was asked for.
        amount: Money,
        /// What is due.
        due: Money,
    },
    /// The change would leave less to pay than was paid already.
    #[error("invoice {invoice_id} would be overpaid by {by}")]
    Overpaid {
        /// The invoice.
        invoice_id: i32,
        /// By how much.
        by: Money,
    },
    /// More than what remains of the credit note.
    #[error("{amount} is more than the {remaining} that remains of credit note {credit_note_id}")]
    ExceedsCredit {
        /// The credit note.
        credit_note_id: i32,
        /// What was asked for.
        amount: Money,
        /// What remains.
        remaining: Money,
    },
    /// The credit note is used up or withdrawn.
    #[error("credit note {credit_note_id} is {status}")]
    CreditNoteClosed {
        /// The credit note.
        credit_note_id: i32,
        /// Its status word.
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
    /// The invoice that a credit note shall refer to belongs to another user.
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
    /// The tax rate stands on invoices.
    #[error("tax rate {tax_rate_id} stands on {invoices} invoices; set is_default to false instead")]
    TaxRateInUse {
        /// The tax rate.
        tax_rate_id: i32,
        /// On how many.
        invoices: u64,
    },
}

impl BillingError {
    /// A word that programs can rely on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Conflict(_) => "conflict",
            Self::Refused(_) => "refused",
            Self::Invalid { .. } => "invalid",
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

    /// A country or region that came with the command.
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

impl From<CommitError> for BillingError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(error) => error.into(),
            unknown => Self::OutcomeUnknown(unknown),
        }
    }
}

/// Whether a statement failed because another transaction was in the way.
pub(super) fn is_worth_another_try(error: &BillingError) -> bool {
    matches!(error, BillingError::Database(DatabaseError::Statement(error)) if is_transient(error))
}
