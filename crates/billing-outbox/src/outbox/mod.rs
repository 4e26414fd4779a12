//! The outbox: pending invalidations, written by triggers in the transaction that made a cached value wrong.
//!
//! Invariants: a row is marked relayed only after Redis acknowledged, with the history in which it did. A row whose
//! type this build does not know stays pending for a build that knows it. [`WriteTxn`] relays the rows of its own
//! transaction.

mod backlog;
mod delay;
mod elsewhere;
pub mod entity;
mod marker;
mod pass;
mod refusal;
mod relay;
mod relay_error;
mod relay_settings;
mod row;
mod rows;
mod seen;
pub(crate) mod trail;
mod trial_write;
mod trigger_check;
mod whole_type;
mod write_txn;

pub use backlog::{Backlog, Unreadable, Waiting, backlog, unreadable, waiting, waiting_now};
pub use elsewhere::{Elsewhere, applied_elsewhere};
pub use relay::{Relay, retire};
pub use relay_error::RelayError;
pub use relay_settings::RelaySettings;
pub use row::{OutboxRow, Target};
pub(crate) use rows::Histories;
pub use trail::{Trace, last_of};
pub use trial_write::try_to_write;
pub use trigger_check::look_at_triggers;
pub use write_txn::{CommitError, Pending, WriteTxn, Writer, Written};
