//! The JSON shapes under the Redis keys: `to_dict` of the platform.
//!
//! Invariant: the bytes are exactly those of section 3 of the contract: key order, decimals as strings, times as
//! `isoformat()`, absent as `null`. Unknown fields are ignored on reading, because Python processes write these values
//! too. A missing field is not `null`, and the value does not decode.
//!
//! Made by `Model::to_dict` and the loaders; golden files in `tests/golden/` hold the bytes.

mod credit_note;
mod discount;
mod invoice;
mod nullable;
mod payment;
mod tax_rate;

pub use credit_note::CreditNote;
pub use discount::Discount;
pub use invoice::{CreditNoteLine, DiscountLine, Invoice, InvoiceDetails, PaymentLine, TaxLine};
pub use payment::Payment;
pub use tax_rate::TaxRate;
