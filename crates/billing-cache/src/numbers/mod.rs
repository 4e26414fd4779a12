//! Numbers: what is counted and measured, by cached type; in this process ([`Cache::own_numbers`]), and of all processes in
//! Redis, in buckets of a minute and of an hour ([`Cache::history`], [`Cache::usage`]).
//!
//! Where what is: `bucket.rs` the keys in Redis, `field.rs` what stands under them, `unsent.rs` what Redis does not have yet,
//! `flush.rs` how it gets there, `history.rs` how it is read back. With the flush go `processes.rs` and `breaker_changes.rs`.
//!
//! Invariants: nothing of this is on the path of a read; every key expires by itself, and no `clear` touches one. What a process
//! counted since its last flush is lost when it dies. Anyone can write to Redis: what is none of ours is passed over.

pub(crate) mod breaker_changes;
pub(crate) mod bucket;
mod field;
pub(crate) mod flush;
mod history;
pub(crate) mod numbers;
mod own;
pub(crate) mod processes;
pub(crate) mod resolution;
pub(crate) mod unsent;
