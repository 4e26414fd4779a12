//! What keeps cached values right over tables that any program may write: triggers generated from the declarations of
//! cached types, the outbox that they write, the write transaction and the relay that apply it, and the audit.
//!
//! Knows no table of billing. `billing-core` declares its types and opens everything here for them.

// The proof that the relay's futures are `Send` goes through all layers down to the sockets.
#![recursion_limit = "256"]

#[cfg(test)]
extern crate self as billing_outbox;

pub mod application;
pub mod audit;
mod comparison;
pub mod database;
pub mod declaration;
mod failpoint;
pub mod migration;
pub mod outbox;
pub mod registry;
#[cfg(test)]
#[path = "../tests/billing_outbox/subscriptions.rs"]
mod subscriptions;
pub mod triggers;
