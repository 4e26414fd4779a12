//! The cache protocol of `docs/protocol.md` as a model, checked state by state.
//!
//! A few small models share the Redis part (`redis.rs`); each says who can do what, in the words of the code, and which
//! promises hold in every state that can be reached. [`Without`] names the ingredients; leaving one out must break exactly
//! the promises that [`MUTATIONS`] says. `cargo test -p protocol-model` checks all of it; `cargo run -p protocol-model`
//! prints the table, with `-- --trace NAME` the shortest way to disaster without the ingredient of that name.
//!
//! Time is not modelled: whatever has a limit may run out at any moment. Nor is progress: that something stale will be
//! removed is stated as "an obligation to remove it is there", in every state.

mod check;
mod clear;
mod l1;
mod outbox;
mod read_write;
mod redis;
mod scenario;
mod warm_up;
mod without;
mod write;

pub use check::{Promise, Twins, Verdict};
pub use scenario::{MUTATIONS, Mutation, Scenario, Scope};
pub use without::{Protocol, Without};
