//! The billing core: entities, rules, cached types and the outbox. No Redis types.

// The proof that the relay's futures are `Send` goes through all layers down to the sockets.
#![recursion_limit = "256"]

pub mod cached;
pub mod country;
pub mod dict;
pub mod entities;
pub mod examination;
pub mod migration;
pub mod money;
mod printable;
pub mod process;
pub mod rights;
pub mod service;
pub mod settings;
pub mod time;

pub use printable::{is_unprintable, printable, printable_lines};
