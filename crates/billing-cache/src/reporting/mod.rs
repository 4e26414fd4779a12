//! Sends the counted numbers to Redis and reads them back: of this process ([`this_process`]), and of all processes in
//! buckets of a minute and of an hour ([`stored`]).
//!
//! Invariants: nothing here is on the path of a read. Every key expires by itself, and no `clear` removes one. A
//! process that dies loses what it counted since its last flush. Any program can write to Redis: content that is not
//! from this cache is ignored.

pub(crate) mod breaker_changes;
pub(crate) mod flush;
pub(crate) mod hot_keys;
pub(crate) mod processes;
mod stored;
mod this_process;
