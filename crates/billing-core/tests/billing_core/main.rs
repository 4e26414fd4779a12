//! Tests of the billing core against real databases, one binary for all.
//!
//! Every test runs on SQLite and on PostgreSQL, each in a database of its own; without a PostgreSQL server they fail and
//! say how to get one.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says where it runs")]

mod adoption;
mod backends;
mod database;
mod golden;
mod migration;
mod money;
mod triggers;
