//! The platform's tables, one entity a file.
//!
//! Invariant: names and types are those of the contract (section 4). Ids are the platform's 32-bit integers, times are
//! [`crate::time::UtcTime`], numeric columns are [`crate::money`] types. In the platform's tables every column but `id`
//! may be NULL, because its models say so of nearly all; each rule says what NULL means for it.
//!
//! Used by the loaders and the service.

pub mod credit_note;
pub mod credit_note_application;
pub mod discount;
pub mod invoice;
pub mod invoice_discount;
pub mod invoice_tax;
pub mod payment;
mod status;
pub mod tax_rate;
pub mod user;

pub use status::{CreditNoteStatus, InvoiceStatus, PaymentStatus};
