//! Amounts of money and percentages, as the platform's columns hold them.
//!
//! Invariants: an amount is an exact decimal with two digits, from the request to the column to the cache. Nothing here
//! rounds except [`Money::portion`]. No value passes through a float, except the one that SQLite itself stores (see
//! `column.rs`).
//!
//! Used by every entity, every cached shape and every rule of the service.

mod amount;
mod column;
mod decimal;
pub mod input;
mod json;
mod percent;
mod rates;

pub use amount::Money;
pub use decimal::{FixedDecimal, MoneyError};
pub use percent::Percent;
pub use rates::PossibleRates;
