//! What a process counts of itself: [`event`] and [`counters`], why reads miss ([`miss_reason`]), which keys are wanted
//! ([`popularity`], of the reads that [`sampling`] picks), and [`numbers`] in buckets of a minute and an hour.
//!
//! Nothing here knows of Redis: what is counted is taken from here by [`crate::reporting`].

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
