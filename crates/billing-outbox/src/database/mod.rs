//! The platform's existing database: one handle for PostgreSQL and SQLite.
//!
//! Invariants: reads that belong together run in one [`Snapshot`]. Writes begin here and nowhere else. No message of
//! this module contains a password.
//!
//! Used by the loaders, the write transaction, the relay, migrations and tools.
//!
//! Every future here may be dropped at any await: an unfinished transaction rolls back.

mod advice;
mod at_rest;
mod clock;
mod durability;
mod encoding;
mod error;
mod identity;
mod journal;
mod pool;
mod rows;
mod schema;
mod settings;
mod stale_plans;
mod tls;
mod to_the_end;
mod unreadable_row;
mod url;

pub use advice::of_statement as advice;
pub(crate) use clock::now;
pub use error::{DatabaseError, is_denied, is_transient, is_unreachable};
pub use journal::turns_to_wal;
pub use pool::{Database, MissingFile, Snapshot};
pub use rows::{RawRow, insert, raw_row, row, rows, update};
pub(crate) use schema::has_rows;
pub use schema::{FoundColumn, columns_of, table_exists};
pub use settings::DatabaseSettings;
pub(crate) use to_the_end::{commit, to_the_end};
pub use unreadable_row::UnreadableRow;
