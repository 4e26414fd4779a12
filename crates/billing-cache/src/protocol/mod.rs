//! The commands of the cache protocol, each atomic, and what is made of them.
//!
//! Invariants (`protocol.md`, sections 2 and 9): a value is set only by [`fill`], and only while the lease still holds
//! the filler's token; value and lease go at once, or the lease first ([`invalidate`]). Scripts are called by their
//! hash ([`script`]).

mod abandoned;
pub(crate) mod acquire;
pub(crate) mod clear;
pub(crate) mod fill;
pub(crate) mod history;
pub(crate) mod invalidate;
pub(crate) mod lease;
pub(crate) mod lookup;
pub(crate) mod oversize;
pub(crate) mod primaries;
pub(crate) mod rate_limit;
pub(crate) mod release;
pub(crate) mod scan;
mod script;
