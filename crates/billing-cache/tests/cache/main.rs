//! `billing-cache` on real Redis servers: the protocol, its faults and the operator's tools, as a user of the crate
//! sees them.
//!
//! Several [`Cache`](billing_cache::Cache) instances over one server stand for several processes. Nothing here judges
//! by time: tests wait for events, with deadlines that only a hanging program meets.

#![expect(clippy::unwrap_used, reason = "clippy takes only the test functions themselves for tests, not their helpers")]

mod allocations;
mod breaker;
mod clear;
mod cluster;
mod contended;
mod counting;
mod decoded;
mod exchanged;
mod exchanged_behind_sentinels;
mod foreign_values;
mod hang;
mod hot_keys;
mod inspection;
mod l1_changes;
mod l1_hits;
mod l1_liveness;
mod l1_races;
mod l1_stress;
mod late_fill;
mod leases;
mod ledger;
mod loads;
mod many;
mod marks;
mod memory;
mod miss_reasons;
mod numbers;
mod old_shapes;
mod opening;
mod outage;
mod oversize;
mod pool;
mod processes;
mod proxy;
mod reading;
mod refresh_ahead;
mod refused;
mod renewal;
mod rights;
mod rule_c;
mod sentinels;
mod stampede;
mod stress;
mod survey;
mod suspect;
mod timings;
mod tls;
mod together;
mod unreadable;
mod warm_up;
mod warnings;
mod world;
