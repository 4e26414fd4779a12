//! `billing-cache` on real Redis servers: the protocol, its faults and the operator's tools, as a user of the crate sees them.
//!
//! Several [`Cache`](billing_cache::Cache) instances over one server stand for several processes. Nothing here judges by
//! time: tests wait for events, with deadlines that only a hanging program meets.

mod clear;
mod contended;
mod counting;
mod ledger;
mod late_fill;
mod loads;
mod many;
mod old_shapes;
mod outage;
mod reading;
mod refused;
mod rule_c;
mod stampede;
mod stress;
mod survey;
mod suspect;
mod warm_up;
mod world;
