//! Several services under faults, with clients that remember what they were told.
//!
//! A [`Round`] is one fault, from health to health: clients read and write all the time and write a history down, the
//! fault begins and ends, every process is asked until it shows what the database holds, and the history is judged.

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

/// How many services there are.
pub const SERVICES: usize = 3;
