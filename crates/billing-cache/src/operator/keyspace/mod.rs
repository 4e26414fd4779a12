//! Statistics of the keys in Redis, by cached type.

pub(crate) mod server;
pub(crate) mod statistics;
pub(crate) mod tally;
