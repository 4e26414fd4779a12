//! L1, the memory of the process: its entries ([`l1`]), and by what they count ([`guard`]): the [`epoch`] of a key, and
//! the [`liveness`] of those who hear of changes ([`tracking`]).

pub(crate) mod epoch;
pub(crate) mod guard;
pub(crate) mod l1;
mod liveness;
pub(crate) mod tracking;
