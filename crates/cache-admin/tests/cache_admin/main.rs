//! Tests of `cache-admin` as its users run it: the binary, against a real Redis, SQLite and PostgreSQL.
//!
//! Each test has a server and a database of its own, and an environment with nothing but what it sets.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says where it runs")]

mod acl;
mod adoption;
mod causes;
mod clear;
mod cluster;
mod comfort;
mod database_rights;
mod doctor;
mod errors;
mod golden;
mod harness;
mod help;
mod inspect;
mod migrate;
mod partial;
mod schemas;
mod seed;
mod sentinels;
mod stats;
mod tls;
mod unreadable;
mod verify;
mod warmup;
mod warmup_auto;
mod warmup_by_use;
mod watch;
