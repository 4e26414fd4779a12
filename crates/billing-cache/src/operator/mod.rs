//! The operations for tools: clear, inspect, scan and measure. None is on the path of a read.

pub(crate) mod clear;
mod health;
pub(crate) mod health_check;
pub(crate) mod inspect;
pub(crate) mod keyspace;
pub(crate) mod rights;
pub(crate) mod scan;
