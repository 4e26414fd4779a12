//! What a process counts of itself: [`event`] and [`counters`], why reads miss ([`miss_reason`]), which keys are read
//! often ([`popularity`], from the reads that [`sampling`] picks), and [`numbers`] in buckets of a minute and an hour.
//!
//! Nothing here knows Redis. [`crate::reporting`] takes the numbers from here.

pub(crate) mod bucket;
pub(crate) mod counters;
pub(crate) mod event;
pub(crate) mod field;
mod frequent;
pub(crate) mod identity;
pub(crate) mod miss_reason;
pub(crate) mod numbers;
pub(crate) mod popularity;
pub(crate) mod resolution;
pub(crate) mod sampling;
mod thread_slot;
pub(crate) mod unsent;
