//! The background tasks that watch Redis and the database, once for all viewers.
//!
//! [`live`] builds the snapshot from what it reads itself and from the results of the other tasks on the [`Board`];
//! [`history`] reads on request. Invariants: no task ends because a server is unreachable, and each continues by itself
//! when the server is back; no task changes cached values.

mod audience;
mod audit;
mod board;
mod database;
mod facts;
mod history;
mod hot_keys;
mod kept;
mod live;
mod status;
mod surroundings;
mod survey;

pub(crate) use audience::{Audience, Seat};
pub(crate) use audit::Auditor;
pub(crate) use board::Board;
pub(crate) use database::DatabaseWatch;
pub(crate) use facts::TypeFacts;
pub(crate) use history::Histories;
pub(crate) use live::{Live, Published};
pub(crate) use survey::Surveyor;
