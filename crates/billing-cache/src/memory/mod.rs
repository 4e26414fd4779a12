//! L1, the memory of the process: its entries ([`l1`]) and what decides whether they count ([`guard`]), which is the
//! [`epoch`] of a key and the [`liveness`] of the tracking connections ([`tracking`]). Beside it what was decoded
//! ([`decoded`]), for values that Redis is asked for each time.

pub(crate) mod decoded;
pub(crate) mod epoch;
pub(crate) mod guard;
pub(crate) mod l1;
mod liveness;
pub(crate) mod tracking;
