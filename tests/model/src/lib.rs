//! The cache protocol of `docs/protocol.md` as a model, checked state by state.
//!
//! A few small models share the Redis part (`redis.rs`). Each says which steps are possible, in the words of the code,
//! and which promises hold in every state that can be reached. [`Without`] lists the ingredients. Leaving one out must
//! break exactly the promises that [`MUTATIONS`] names. `cargo test -p protocol-model` checks all of it. `cargo run -p
//! protocol-model` prints the table; with `-- --trace NAME` it prints the shortest way to break a promise without the
//! ingredient NAME.
//!
//! Time is not modelled: every limit may run out at any moment. Progress is not modelled either: instead of "a stale
//! value will be removed", the models check in every state that an obligation to remove it exists.

mod announcements;
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
