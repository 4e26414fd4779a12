//! Several services under faults, with clients that record all answers.
//!
//! A [`Round`] is one fault between two healthy periods. Clients read and write all the time and record a history; the
//! fault begins and ends; every process is queried until it shows the content of the database; the history is checked.

pub(crate) mod asking;
mod clients;
mod fleet;
mod plan;
mod report;
mod round;

pub use fleet::Fleet;
pub(crate) use fleet::Settings;
pub use plan::Plan;
pub use report::Report;
pub(crate) use round::RECOVERY_MS;
pub use round::{Chaos, Outcome, Round};

/// Number of services.
pub const SERVICES: usize = 3;
