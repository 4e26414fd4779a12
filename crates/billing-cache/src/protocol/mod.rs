//! The commands of the cache protocol, each of them atomic, and the operations built from them.
//!
//! Invariants (`protocol.md`, "Commands"): a value is set only by [`fill`], and only while the lease still holds the
//! token of the caller. Value and lease are removed together, or the lease first ([`invalidate`]). Scripts are called
//! by their hash ([`script`]).

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
