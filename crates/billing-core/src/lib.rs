//! The billing core: entities, rules, cached types and the outbox. No Redis types.

// The proof that the relay's futures are `Send` goes through all layers down to the sockets.
#![recursion_limit = "256"]

pub mod application;
pub mod audit;
pub mod cached;
pub mod country;
pub mod database;
pub mod declaration;
pub mod dict;
pub mod entities;
pub mod examination;
mod failpoint;
pub mod migration;
pub mod money;
pub mod outbox;
mod printable;
pub mod process;
pub mod registry;
pub mod rights;
pub mod service;
pub mod settings;
pub mod time;
pub mod triggers;

pub use printable::{is_unprintable, printable, printable_lines};
