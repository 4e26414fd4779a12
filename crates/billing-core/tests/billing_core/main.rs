//! Tests of the billing core against real databases, one binary for all.
//!
//! Every test runs on SQLite and on PostgreSQL, each in a database of its own; without a PostgreSQL server they fail
//! and say how to get one.

#![allow(clippy::disallowed_methods, reason = "other programs begin as they like")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and says where it runs")]

mod active_discounts;
mod adoption;
mod adoption_service;
mod audit;
mod audit_busy;
mod backends;
mod blind;
mod cancelled;
mod changed_columns;
mod commands;
mod commit_outcome;
mod concurrency;
mod copied_rates;
mod copies;
mod credit_notes;
mod database;
mod discounts;
mod examination;
mod example_service;
mod exchanged;
mod foreign_values;
mod full_disk;
mod golden;
mod hot_keys;
mod http;
mod http_errors;
#[cfg(target_os = "linux")]
mod http_full_disk;
mod http_process;
mod inputs;
mod invalidation;
mod mended;
mod migration;
mod money;
mod needs;
mod null_columns;
mod number_ranges;
mod numbers;
mod open_invoices;
mod outbox_rows;
mod overdue;
mod payments;
mod pending_payments;
mod postgres_proxy;
mod postgres_tls;
mod reads;
mod redis_away;
mod relay;
mod relay_cluster;
mod relay_history;
mod relay_postgres;
mod relay_unreadable;
mod relaying;
mod replaced;
mod stale_plans;
mod tax_rate_reads;
mod tax_rates;
mod trigger_check;
mod trigger_texts;
mod triggers;
mod two_databases;
mod unreadable_rows;
mod world;
