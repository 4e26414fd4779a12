//! What is counted, told to Redis and read back: in this process ([`this_process`]), and of all processes in buckets of
//! a minute and of an hour ([`stored`]).
//!
//! Invariants: nothing of this is on the path of a read; every key expires by itself, and no `clear` touches one. What
//! a process counted since its last flush is lost when it dies. Anyone can write to Redis: what is none of ours is
//! passed over.

pub(crate) mod breaker_changes;
pub(crate) mod flush;
pub(crate) mod hot_keys;
pub(crate) mod processes;
mod stored;
mod this_process;
