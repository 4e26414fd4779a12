//! HTTP for programs that strangers can reach: what `axum::serve` does, with limits.
//!
//! Invariants: there are at most [`Limits::connections`] connections, of which one network has at most its share; a
//! head has a largest size and a longest time, and a connection that sends none ends; a client that takes nothing of
//! its answer loses its connection; when the program ends, requests have [`Limits::grace`] to end. Bodies are read by
//! the handlers, so their time is limited there.

mod limits;
mod network;
mod server;
mod shares;

pub use limits::Limits;
pub use network::Network;
pub use server::{Ending, serve};
