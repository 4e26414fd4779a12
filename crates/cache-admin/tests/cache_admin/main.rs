//! Tests of `cache-admin` as its users run it: the binary, against a real Redis, SQLite and PostgreSQL.
//!
//! Each test has a server and a database of its own, and an environment with nothing but what it sets.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says where it runs")]

mod clear;
mod errors;
mod harness;
mod help;
mod migrate;
mod seed;
mod stats;
mod warmup;
mod warmup_auto;
mod warmup_by_use;
