//! Tests of `cache-monitor` as a user runs it: the binary, a real Redis, SQLite and PostgreSQL; one binary for all.
//!
//! Without a PostgreSQL server they fail and say how to get one. No test asserts on a time.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says where it runs")]

mod adoption;
mod advices;
mod cluster;
mod comfort;
mod dashboard;
mod fixture;
mod gates;
mod help;
mod left_behind;
mod numbers;
mod pages;
mod refusals;
mod replays;
