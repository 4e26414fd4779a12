//! The cache as services use it: a read of one key ([`one`]) and of many ([`many`]), the flight that all callers
//! missing a key share ([`flight`], with its [`leader`]), and invalidation ([`invalidate`]).
//!
//! Invariants: a failure of Redis never becomes an error of a read; only the loader can make a read fail. Every value
//! that a read returns was validated after the read began (`protocol.md`, "Reading").

pub(crate) mod answer;
pub(crate) mod cache;
mod decode;
mod fill_many;
pub(crate) mod flight;
mod in_memory;
pub(crate) mod invalidate;
mod leader;
mod load;
mod many;
#[cfg(feature = "mutations")]
mod mutated;
pub(crate) mod near_end;
mod one;
mod operation_log;
mod past_cache;
mod refresh;
pub(crate) mod retry;
pub(crate) mod shared;
pub(crate) mod source_marker;
pub(crate) mod type_state;
pub(crate) mod unconfirmed;
pub(crate) mod warm_up;
