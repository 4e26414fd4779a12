//! HTTP for programs that strangers can reach: what `axum::serve` does, with limits.
//!
//! Invariants: there are at most [`Limits::connections`] connections, of which one network has at most its share. The
//! head of a request has a largest size and a longest time, and a connection that sends none ends. A client that reads
//! nothing of its answer loses its connection. When the program ends, requests have [`Limits::grace`] to finish. The
//! handlers read the bodies, so they must limit that time.
//!
//! Used by the dashboard and the example service.

mod limits;
mod network;
mod server;
mod shares;

pub use limits::Limits;
pub use network::Network;
pub use server::{Ending, serve};
